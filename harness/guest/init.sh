#!/bin/busybox sh
# The guest's init: brings the machine up with nothing but what is in the module set, runs the scenario's steps,
# and says over the control channel what came of it (README.md). It never exits, since that would be a panic.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ TERM=linux
TAB=$(printf '\t')
NEWLINE='
'

give_up() {
	echo "bootgate: init gives up: $*"
	power_off
}

# Only `reboot` system calls and sysrq are left to end a guest; if neither works the monitor's deadline does.
power_off() {
	echo "bootgate: power off"
	./busybox sync || busybox sync
	./busybox poweroff -f || busybox poweroff -f
	echo o > /proc/sysrq-trigger
	while :; do busybox sleep 60; done
}

# An order to the recorder, its words parted by tabs; back when it is carried out.
tell() {
	local IFS="$TAB" answer=
	# One order is one line: a file's name may have a line break.
	case $* in *"$NEWLINE"*) return ;; esac
	printf '%s\n' "$*" >&8
	read -r -t 60 answer <&7 || give_up "the recorder does not answer"
}

# Guest seconds since boot, into $up.
now() { read -r up _ < /proc/uptime; }

# SECONDS.HUNDREDTHS as hundredths, into $value; without the zeros that would make an octal number of it.
centis() {
	value=${1%.*}${1#*.}
	value=${value#0}
	value=${value#0}
}

phase() {
	now
	tell phase "name=$1" "up=$up"
}

start_kernel_interfaces() {
	printf '%s\n' 'proc /proc proc defaults 0 0' 'sysfs /sys sysfs defaults 0 0' \
		'devtmpfs /dev devtmpfs defaults 0 0' 'tmpfs /run tmpfs size=2m 0 0' > /etc/fstab
	busybox mount -a || echo "bootgate: mount -a failed"
	exec < /dev/null > /dev/console 2>&1
	busybox mkdir -p /run/bootgate /run/netns
	: > /run/bootgate/requests
	: > /run/bootgate/errors
	: > /run/bootgate/devices
	: > /run/bootgate/step
}

# Nodes whose modules load when they are opened, as `kmod static-nodes` names them.
make_static_nodes() {
	[ ! -d /bootgate/dev ] || busybox cp -a /bootgate/dev/. /dev/
}

# The scenario as facts, and out of the way with them before any step could look.
read_scenario() {
	nonce='' disks='' nics='' steps='' looks=' ' shell_at=''
	while read -r fact value rest; do
		case $fact in
		nonce) nonce=$value ;;
		seed) export BOOTGATE_SEED="$value" ;;
		scenario) export BOOTGATE_SCENARIO="$value" ;;
		# The serial that the guest sees, where the model has one of its own.
		disk) disks="$disks $value/${rest:-$value}" ;;
		nic) nics="$nics $value/$rest" ;;
		step) steps="$steps$value $rest$NEWLINE" ;;
		looks) looks="$looks$value " ;;
		shell) shell_at=$value shell_rows=${rest% *} shell_columns=${rest#* } ;;
		esac
	done < /bootgate/scenario/env
}

# ttyS1, or what the command line names, when the kernel has found such a UART; else kmsg. $trial: see trial.sh.
choose_channel() {
	channel=uart device=ttyS1 trial=
	read -r cmdline < /proc/cmdline
	for word in $cmdline; do
		case $word in
		bootgate.control=*) device=${word#*=} ;;
		bootgate.trial=*) trial=${word#*=} ;;
		esac
	done
	case $device in
	ttyS*)
		# 0 is a UART that is not there (PORT_UNKNOWN). /proc/tty/driver has another name for the file in Linux 7.
		read -r uart < "/sys/class/tty/$device/type" && [ "$uart" != 0 ] && return
		;;
	*) [ -c "/dev/$device" ] && return ;;
	esac 2> /dev/null
	channel=kmsg device=kmsg
	echo on > /proc/sys/kernel/printk_devkmsg
}

start_recorder() {
	busybox mkfifo /run/bootgate/orders /run/bootgate/answers /run/bootgate/launch /run/bootgate/launched \
		/run/bootgate/contained /run/bootgate/fetch || give_up "no fifo"
	exec 8<> /run/bootgate/orders 7<> /run/bootgate/answers 9>> /run/bootgate/output
	busybox sh /bootgate/recorder.sh "$channel" "/dev/$device" < /run/bootgate/orders > /run/bootgate/answers 7>&- 8>&- 9>&- &
	recorder=$!
	printf '%s\n' "$nonce" >&8
	nonce=
	read -r release < /proc/sys/kernel/osrelease
	tell hello "release=$release" "channel=$channel"
}

unbound_before=none
tell_unbound() {
	local unbound=
	for file in /sys/bus/*/devices/*/modalias /sys/bus/mmc/devices/*/uevent; do
		# An ACPI object is driven through the device that it describes.
		[ -e "${file%/*}/driver" ] || [ -e "${file%/*}/physical_node/driver" ] || [ ! -e "$file" ] || unbound="$unbound$TAB$file"
	done
	# A list that is as it was stands. Every byte of a record costs some 40 us of emulated sealing.
	[ "$unbound" != "$unbound_before" ] || return 0
	unbound_before=$unbound
	tell ":unbound$TAB$1$unbound"
}

tell_bound() {
	local bound=
	for file in /sys/bus/*/drivers/*/*/modalias; do bound="$bound$TAB$file"; done
	tell ":bound$bound"
}

# Runs one step by way of the launcher, which answers with its exit status.
run_step() {
	local index=$1 limit=$2 name=$3 status= begin= late=0 look=
	printf '%s\n' "$name" > /run/bootgate/step
	case $looks in *" $index "*) look=looks ;; esac
	# What the last one printed has been told.
	: > /proc/self/fd/9
	now
	begin=$up
	tell step-start "name=$name" "up=$up"
	echo "$index $limit $look" >&4
	read -r status <&3
	give_voice_back
	now
	centis "$begin"
	begin=$value
	centis "$up"
	local took=$((value - begin))
	if [ "$status" -gt 123 ] && [ $took -ge $((limit * 100 - 5)) ]; then late=1; fi
	tell ":output$TAB/proc/1/fd/9"
	# /run is small, so that a step which floods its output is stopped there; what comes next needs the room.
	: > /proc/self/fd/9
	tell :requests
	tell step-end "name=$name" "status=$status" "timedOut=$late" "seconds=$((took / 100)).$((took / 10 % 10))$((took % 10))"
	[ "$status" = 0 ]
}

run_steps() {
	local failed=0 index= limit= name=
	while read -r index limit name <&6; do
		[ "$index" != "$shell_at" ] || break
		if [ $failed = 1 ]; then
			tell not-run "name=$name"
		else
			run_step "$index" "$limit" "$name" || failed=1
		fi
	done 6<<- END
		${steps%"$NEWLINE"}
	END
	: > /run/bootgate/step
	[ -z "$shell_at" ] || open_shell
}

# Should the shell itself give up (a redirection that fails, a file that is not there), this is not a panic of the kernel.
trap 'give_up "the shell came to its end"' EXIT
start_kernel_interfaces
. /bootgate/materialise.sh
. /bootgate/confine.sh
. /bootgate/devices.sh
. /bootgate/shell.sh
choose_channel
woke=
if [ -n "$trial" ]; then
	. /bootgate/trial.sh
	await_trial
fi
make_static_nodes
read_scenario
start_recorder
[ -z "$woke" ] || tell note "text=$woke"
start_launcher
start_fetcher
hide_channels
# Requests that the kernel makes from here on are answered, and noted.
echo /sbin/modprobe > /proc/sys/kernel/modprobe

phase modules
coldplug
tell :requests

phase devices
settle
tell_devices
tell_unbound rest
tell :requests
tell :memory

shut_doors
phase steps
run_steps

phase shutdown
tell_unbound end
tell_bound
tell :modules
tell :requests
tell :taint
tell end
# The recorder's end closes the channel, and closing a UART waits until its last byte is out.
exec 8>&- 7>&-
wait $recorder
power_off
