#!/bin/busybox sh
# The guest's init: brings the machine up with nothing but what is in the module set, runs the scenario's steps,
# and says over the control channel what came of it (README.md). It never exits, since that would be a panic.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ TERM=linux
TAB=$(printf '\t')

give_up() {
	echo "bootgate: init gives up: $*"
	power_off
}

# Only `reboot` system calls and sysrq are left to end a guest; if neither works the monitor's deadline does.
power_off() {
	echo "bootgate: power off"
	busybox sync
	busybox poweroff -f
	echo o > /proc/sysrq-trigger
	while :; do busybox sleep 60; done
}

# An order to the recorder, its words parted by tabs; back when it is carried out.
tell() {
	local IFS="$TAB" answer=
	printf '%s\n' "$*" >&8
	read -r -t 60 answer <&7 || give_up "the recorder does not answer"
}

# Guest seconds since boot, into $up.
now() { read -r up _ < /proc/uptime; }

phase() {
	now
	tell phase "name=$1" "up=$up"
}

start_kernel_interfaces() {
	printf '%s\n' 'proc /proc proc defaults 0 0' 'sysfs /sys sysfs defaults 0 0' \
		'devtmpfs /dev devtmpfs defaults 0 0' 'tmpfs /run tmpfs size=2m 0 0' > /etc/fstab
	busybox mount -a || echo "bootgate: mount -a failed"
	exec < /dev/null > /dev/console 2>&1
	busybox mkdir -p /run/bootgate/claims /run/netns
	: > /run/bootgate/requests
	: > /run/bootgate/errors
	: > /run/bootgate/devices
	: > /run/bootgate/step
	# Requests that the kernel makes from here on are answered, and noted.
	echo /sbin/modprobe > /proc/sys/kernel/modprobe
}

# The scenario as facts, and out of the way with them before any step could look.
read_scenario() {
	nonce='' disks='' nics='' steps=0
	while read -r fact value rest; do
		case $fact in
		nonce) nonce=$value ;;
		seed) export BOOTGATE_SEED="$value" ;;
		scenario) export BOOTGATE_SCENARIO="$value" ;;
		# The serial that the guest sees, where the model has one of its own.
		disk) disks="$disks $value/${rest:-$value}" ;;
		nic) nics="$nics $value/$rest" ;;
		step) steps=$((steps + 1)) ;;
		esac
	done < /bootgate/scenario/env
	while read -r fact value rest; do
		[ "$fact" != step ] || echo "$value $rest"
	done < /bootgate/scenario/env > /run/bootgate/steps
}

# ttyS1, or what the command line names, when the kernel has found such a UART; else kmsg.
choose_channel() {
	channel=uart device=ttyS1
	read -r cmdline < /proc/cmdline
	for word in $cmdline; do
		case $word in bootgate.control=*) device=${word#*=} ;; esac
	done
	if [ "$device" = ttyS1 ]; then
		# A line `1: uart:16550A port:...`; a UART that is not there reads `uart:unknown`.
		while read -r number uart _; do
			[ "$number" = 1: ] && [ "$uart" != uart:unknown ] && return
		done < /proc/tty/driver/serial
	else
		[ -c "/dev/$device" ] && return
	fi 2> /dev/null
	channel=kmsg device=kmsg
	echo on > /proc/sys/kernel/printk_devkmsg
}

start_recorder() {
	busybox mkfifo /run/bootgate/orders /run/bootgate/answers || give_up "no fifo"
	exec 8<> /run/bootgate/orders 7<> /run/bootgate/answers
	busybox sh /bootgate/recorder.sh "$channel" "/dev/$device" < /run/bootgate/orders > /run/bootgate/answers 7>&- 8>&- &
	recorder=$!
	printf '%s\n' "$nonce" >&8
	read -r release < /proc/sys/kernel/osrelease
	tell hello "release=$release" "channel=$channel"
	# Nothing is left by which a step could speak as init.
	nonce=
	busybox rm -f /run/bootgate/orders /run/bootgate/answers /bootgate/scenario/env
}

# Loads what the modaliases under /sys ask for, all new ones in one go. Status 1 when there was nothing new.
tried='
'
try_alias() {
	case $alias in '') return ;; esac
	case $tried in *"
$alias
"*) return ;; esac
	tried="$tried$alias
"
	fresh="$fresh $alias"
}
coldplug() {
	local fresh= alias= key=
	for file in /sys/bus/*/devices/*/modalias /sys/class/dmi/*/modalias /sys/class/input/*/modalias; do
		alias=
		read -r alias 2> /dev/null < "$file"
		try_alias
	done
	# The MMC bus has the modaliases of its cards in uevent alone.
	for file in /sys/bus/mmc/devices/*/uevent; do
		[ -e "$file" ] || continue
		while IFS== read -r key alias; do
			[ "$key" != MODALIAS ] || try_alias
		done < "$file"
	done
	[ -n "$fresh" ] || return 1
	# Aliases have no blanks, but may have wildcards of their own.
	set -f
	# By the modules' own names: an alias that comes to nothing is no complaint, a module that will not load is one.
	if materialise $fresh && [ -n "$modules" ]; then
		/usr/lib/kmod/modprobe -a $modules 2>> /run/bootgate/errors
	fi
	set +f
	return 0
}

# Finds a disk by serial, into $node. /sys/block/X/serial: virtio-blk; vpd_pg80: scsi and ata; device/serial: nvme, mmc;
# four folders above the SCSI unit: the USB device, whose disks are not asked for vital product data.
find_disk() {
	local block= file= serial=
	node=
	for block in /sys/block/*; do
		case $block in */loop* | */ram* | */zram*) continue ;; esac
		for file in "$block/serial" "$block/device/serial" "$block/device/vpd_pg80" \
			"$block/device/../../../../serial"; do
			[ -e "$file" ] || continue
			serial=
			# Page 0x80 has four bytes of header, the first two NUL or control characters, which read drops or keeps.
			read -r serial 2> /dev/null < "$file"
			case $serial in
			"$1" | *[!A-Za-z0-9-]"$1")
				node=/dev/${block##*/}
				[ -b "$node" ] && return
				;;
			esac
		done
	done
	node=
	return 1
}

# Finds a NIC by its MAC, into $node.
find_nic() {
	local net= mac=
	for net in /sys/class/net/*; do
		node=${net##*/} mac=
		read -r mac 2> /dev/null < "$net/address"
		[ "$mac" != "$1" ] || return 0
	done
	node=
	return 1
}

# /run/bootgate/devices: KIND NAME ID NODE of what is there. Status 1 while something is missing.
find_devices() {
	local complete=0 disk= serial= nic= node=
	for disk in $disks; do
		serial=${disk%%/*}
		find_disk "${disk#*/}" || complete=1
		echo "disk $serial $serial $node"
	done > /run/bootgate/devices
	for nic in $nics; do
		find_nic "${nic#*/}" || complete=1
		echo "nic ${nic%%/*} ${nic#*/} $node"
	done >> /run/bootgate/devices
	return $complete
}

# Devices appear when their drivers are ready, and bring new modaliases: a scsi disk is two rounds away from its PCI
# function. So: until all that the scenario declares is there, or 4 seconds have passed in which nothing new came.
settle() {
	now
	local until=$((${up%.*} + 4))
	while ! find_devices; do
		busybox usleep 50000
		now
		if coldplug; then
			until=$((${up%.*} + 4))
		elif [ "${up%.*}" -gt "$until" ]; then
			return
		fi
	done
	while coldplug; do :; done
}

tell_devices() {
	while read -r kind _ id node; do
		tell device "kind=$kind" "id=$id" "node=$node"
	done < /run/bootgate/devices
}

unbound_before=none
tell_unbound() {
	local unbound=
	for file in /sys/bus/*/devices/*/modalias /sys/bus/mmc/devices/*/uevent; do
		# An ACPI object is driven through the device that it describes.
		[ -e "${file%/*}/driver" ] || [ -e "${file%/*}/physical_node/driver" ] || [ ! -e "$file" ] || unbound="$unbound$TAB$file"
	done
	# A list that is as it was stands. Every byte of a record costs some 50 us of emulated checksum.
	[ "$unbound" != "$unbound_before" ] || return 0
	unbound_before=$unbound
	tell ":unbound$TAB$1$unbound"
}

tell_bound() {
	local bound=
	for file in /sys/bus/*/drivers/*/*/modalias; do bound="$bound$TAB$file"; done
	tell ":bound$bound"
}

# Runs one step in a session of its own, so that everything that it started can be killed with it.
run_step() {
	local index=$1 limit=$2 name=$3 status=0 begin= late=0
	printf '%s\n' "$name" > /run/bootgate/step
	now
	begin=$up
	tell step-start "name=$name" "up=$up"
	busybox setsid busybox timeout -k 2 "$limit" busybox sh /bootgate/step.sh "$index" \
		< /dev/null > /run/bootgate/output 2>&1 7>&- 8>&- &
	local pid=$!
	wait $pid
	status=$?
	kill -9 -$pid 2> /dev/null
	now
	local centis=$((${up%.*}${up#*.} - ${begin%.*}${begin#*.}))
	if [ $status -gt 123 ] && [ $centis -ge $((limit * 100 - 5)) ]; then late=1; fi
	tell ":output$TAB/run/bootgate/output"
	# /run is small, so that a step which floods its output is stopped there; what comes next needs the room.
	: > /run/bootgate/output
	tell :requests
	tell step-end "name=$name" "status=$status" "timedOut=$late" "seconds=$((centis / 100)).$((centis / 10 % 10))$((centis % 10))"
	[ $status = 0 ]
}

run_steps() {
	local failed=0
	while read -r index limit name <&6; do
		if [ $failed = 1 ]; then
			tell not-run "name=$name"
		else
			run_step "$index" "$limit" "$name" 6<&- || failed=1
		fi
	done 6< /run/bootgate/steps
	: > /run/bootgate/step
}

# Should the shell itself give up (a redirection that fails, a file that is not there), this is not a panic of the kernel.
trap 'give_up "the shell came to its end"' EXIT
start_kernel_interfaces
. /bootgate/materialise.sh
read_scenario
choose_channel
start_recorder

phase modules
coldplug
tell :requests

phase devices
settle
tell_devices
tell_unbound rest
tell :requests
tell :memory

phase steps
run_steps

phase shutdown
tell_unbound end
tell_bound
tell :modules
tell :requests
tell end
# The recorder's end closes the channel, and closing a UART waits until its last byte is out.
exec 8>&- 7>&-
wait $recorder
power_off
