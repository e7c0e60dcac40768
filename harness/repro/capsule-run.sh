#!/bin/sh
# A guest that bootgate recorded. It needs QEMU and sh with the usual small tools, and nothing of bootgate.
# usage: ./run.sh            boots it. Exit status 0: it ended as recorded; 1: it did not; 3: this machine could not tell
#        ./run.sh --console  boots it with its console on this terminal (Ctrl-A X ends QEMU)
#        ./run.sh --domain   prints its libvirt domain with the paths of this folder
# ACCEL=tcg or ACCEL=kvm chooses the accelerator (default: KVM where it works), QEMU= the program.
set -u

#@GUEST@

case $0 in */*) cd "${0%/*}" || exit 3 ;; esac
if [ "${1:-}" = --domain ]; then
	[ -e domain.xml ] || { echo "this capsule has no libvirt domain" >&2; exit 3; }
	exec sed "s|/CAPSULE/|$(pwd)/|g" domain.xml
fi

qemu=${QEMU:-$qemu}
command -v "$qemu" > /dev/null || { echo "$qemu is not installed" >&2; exit 3; }
work=$(mktemp -d) || exit 3
export work
stop_qemu() { [ ! -s "$work/qemu.pid" ] || kill "$(cat "$work/qemu.pid")" 2> /dev/null; }
trap 'stop_qemu; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Sparse files: disks are empty at first, and the window has holes where modules are that the guest does not have.
make_files() {
	for disk in $disks; do
		rm -f "$work/${disk%:*}.img"
		dd if=/dev/null of="$work/${disk%:*}.img" bs=1 seek="${disk#*:}" 2> /dev/null || exit 3
	done
	for share in $shares; do
		rm -rf "$work/$share"
		cp -R "$share" "$work/$share" || exit 3
	done
	[ -n "$window" ] && [ ! -e "$work/window.img" ] || return 0
	dd if=/dev/null of="$work/window.img" bs=1 seek="$window" 2> /dev/null || exit 3
	for run in $runs; do
		rest=${run#*:}
		dd if=modules.bin of="$work/window.img" bs=4096 conv=notrunc skip="${run%%:*}" seek="${rest%:*}" count="${rest#*:}" 2> /dev/null ||
			exit 3
	done
}

# boot ACCELERATOR: status 1 where QEMU could not do it.
boot() {
	rm -f "$work/status" "$work/qemu.pid"
	: > "$work/console.log"
	: > "$work/control.log"
	make_files
	(
		start_qemu "$1" "file,id=console,path=$work/console.log"
		echo $? > "$work/status"
	) 2> "$work/qemu.log" &
	seconds=0 late=0
	until [ -s "$work/status" ]; do
		sleep 1
		seconds=$((seconds + 1))
		# There are hosts where KVM opens, and the kernel then prints nothing.
		if [ "$1" = kvm ] && [ $seconds = 15 ] && ! grep -q '^\[' "$work/console.log"; then
			stop_qemu
			return 1
		fi
		if [ $seconds -ge "$limit" ]; then
			late=1
			stop_qemu
		fi
	done
	read -r status < "$work/status"
	[ $late = 1 ] || [ "$status" = 0 ]
}

if [ "${1:-}" = --console ]; then
	make_files
	accel=${ACCEL:-tcg}
	start_qemu "$accel" 'stdio,id=console,mux=on,signal=off'
	exit $?
fi

accel=${ACCEL:-tcg}
[ -n "${ACCEL:-}" ] || [ ! -w /dev/kvm ] || accel=kvm
if ! boot "$accel" && [ -z "${ACCEL:-}" ] && [ "$accel" = kvm ]; then
	echo "KVM does not boot this kernel here: emulating" >&2
	accel=tcg
	boot "$accel" || late=failed
elif [ $late = 0 ] && [ "$status" != 0 ]; then
	late=failed
fi
if [ $late = failed ]; then
	echo "QEMU ended with status $status:" >&2
	cat "$work/qemu.log" >&2
	exit 3
fi

# The records of the guest's agent: `@bg2 NUMBER SEAL TYPE KEY=VALUE ...`, on the second UART, or on the console.
records() { cat "$work/control.log" "$work/console.log" | grep -a '@bg2 [0-9]* [0-9a-f]* ' | sed 's/.*@bg2 [0-9]* [0-9a-f]* //'; }
failed_step() { records | grep '^step-end ' | grep -v ' status=0 ' | sed 's/.* name=\([^ ]*\).*/\1/; s/^step-end name=\([^ ]*\).*/\1/' | head -n 1; }
last_phase() { records | sed -n 's/^phase name=\([^ ]*\).*/\1/p' | tail -n 1; }
open_step() {
	begun=$(records | sed -n 's/^step-start name=\([^ ]*\).*/\1/p' | tail -n 1)
	[ -z "$begun" ] || records | grep -qF "step-end name=$begun " || printf '%s\n' "$begun"
}
ended() { records | grep -q '^end '; }

seen=no
case $expect in
step) [ "$(failed_step)" != "$want" ] || seen=yes ;;
report) ! grep -aqF -e "$want" "$work/console.log" || seen=yes ;;
hang) [ $late != 1 ] || [ "$(last_phase)/$(open_step)" != "$want" ] || seen=yes ;;
lost) [ $late = 1 ] || ended || seen=yes ;;
pass) ! ended || [ -n "$(failed_step)" ] || seen=yes ;;
esac
echo "recorded: $recorded"
if [ $seen = yes ]; then
	echo "seen again after $seconds s under $accel"
	exit 0
fi
if [ "$expect" = outside ]; then
	echo "what bootgate found on the disk or the share once the guest was gone cannot be checked by this script" >&2
	exit 3
fi
echo "not seen: after $seconds s under $accel the guest $([ $late = 1 ] && echo 'was still running' || echo 'had ended'), in the phase $(last_phase)$(failed_step | sed 's/%20/ /g; s/^/, failed step: /')"
echo "recorded under $under; its console then: recorded/console.log; its console now:"
tail -n 15 "$work/console.log" | tr -cd '\11\12\40-\176'
exit 1
