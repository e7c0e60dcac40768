# Brings the machine's devices up: drivers for what is there, and the scenario's own disks and NICs. Sourced by init.sh.

# Loads what the modaliases under /sys ask for, all new ones in one go. Status 1 when there was nothing new.
tried='
'
# Adds $alias to $fresh, unless it is empty or not new.
try_alias() {
	case $tried in *"
$alias
"*) return ;; esac
	[ -n "$alias" ] || return
	tried="$tried$alias
"
	fresh="$fresh $alias"
}
coldplug() {
	local fresh= alias= key=
	for file in /sys/bus/*/devices/*/modalias /sys/class/dmi/*/modalias /sys/class/input/*/modalias \
		/sys/devices/system/cpu/modalias; do
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
		/usr/lib/kmod/modprobe -a $modules 2> /run/bootgate/complaints || while read -r file; do
			# A driver that looked for its hardware and found none, as acpi_cpufreq in most guests: udev ignores it too.
			case $file in *": No such device") ;; *) echo "$file" ;; esac
		done < /run/bootgate/complaints >> /run/bootgate/errors
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

# Whether a driver is at work of which nobody waits for the end: loading a module waits for what it probes in async
# domains (kernel/module, do_init_module), scsi and ata scans among them, but not for nvme's workqueue or for usb's hubs.
still_probing() {
	local file= state=
	for file in /sys/class/nvme/*/state; do
		state=
		read -r state 2> /dev/null < "$file"
		case $state in new | resetting | connecting) return 0 ;; esac
	done
	return 1
}

# How long nothing must have come, in hundredths of a second in which the guest had nothing to do: short where there is
# nothing that could bring a device yet, longer where there are buses that find theirs by and by.
set_patience() {
	local host=
	patience=40
	set -- /sys/devices/system/cpu/cpu[0-9]*
	cpus=$#
	for host in /sys/class/scsi_host/* /sys/class/nvme/* /sys/class/fc_host/*; do
		[ ! -e "$host" ] || patience=150
	done
	# usb-storage alone waits a second before it looks at a disk (delay_use).
	for host in /sys/class/mmc_host/* /sys/bus/usb/devices/*; do
		[ ! -e "$host" ] || patience=300
	done
}

# Guest seconds of idleness, of all its processors, as hundredths into $idle. A busy host stretches a guest's seconds, but
# not those in which it waits for nothing.
idle_time() {
	read -r up idle < /proc/uptime
	centis "$idle"
	idle=$value
}

# Devices appear when their drivers are ready, and bring new modaliases: a scsi disk is two rounds away from its PCI
# function. So: until all that the scenario declares is there, or nothing can come any more. No device comes without a
# uevent, so that between two of them there is nothing to look at.
settle() {
	local up= idle= quiet= seen= events= patience= limit= cpus=
	now
	limit=$((${up%.*} + 25))
	set_patience
	while :; do
		events=
		read -r events 2> /dev/null < /sys/kernel/uevent_seqnum
		if [ -z "$events" ] || [ "$events" != "$seen" ]; then
			seen=$events
			! find_devices || break
			# Whoever has found something asks again at once.
			if coldplug; then
				set_patience
				quiet=
				continue
			fi
			[ -z "$events" ] || quiet=
		fi
		idle_time
		if [ -z "$quiet" ] || still_probing; then quiet=$idle; fi
		[ $((idle - quiet)) -lt $((patience * cpus)) ] && [ "${up%.*}" -lt $limit ] || break
		busybox usleep 50000
	done
	find_devices
	while coldplug; do :; done
}

tell_devices() {
	while read -r kind _ id node; do
		tell device "kind=$kind" "id=$id" "node=$node"
	done < /run/bootgate/devices
}
