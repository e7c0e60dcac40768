# Where a template stops and its clones go on (README.md, "Templates and clones"). Sourced by init.sh when the command line has
# bootgate.trial=ADDRESS: a region of physical memory, kept from the kernel by memmap=. In a template it is all zeros; a clone
# finds there, in the first 64 KiB, `go BLOCKS SECRET EPOCH SEED`, and behind that an archive.
#   BLOCKS: of 64 KiB, that the archive takes up; SECRET: how many of them, with the first one, have the boot's secret in them
#   EPOCH: the time of day; SEED: random digits, which no other clone has

# Comes back in a clone only, with the files of its own scenario and module set in place.
await_trial() {
	local block=$((trial / 65536)) before= boot=
	[ "$channel" = uart ] || give_up "a template needs a second UART"
	# What the kernel still does in the background is over: no clone begins in the middle of it.
	idle_time
	before=$idle
	while [ $((idle - before)) -lt 20 ]; do
		busybox usleep 50000
		idle_time
	done
	echo freeze > "/dev/$device"
	while :; do
		# The shell drops NULs from what a command prints.
		set -- $(busybox dd if=/dev/mem bs=512 skip=$((trial / 512)) count=1 2> /dev/null)
		[ "$1" != go ] || break
		busybox usleep 20000
	done
	# All clones have the template's random numbers to come, until the kernel makes a new key, from this among others.
	printf '%s' "$5" > /dev/urandom
	/bootgate/reseed < /dev/urandom || give_up "the kernel does not take a new seed"
	# The first of them that anybody asks for.
	read -r boot < /proc/sys/kernel/random/boot_id
	now
	woke="went on from a template at $up, boot $boot"
	busybox date -s "@$4" > /dev/null
	busybox dd if=/dev/mem bs=64k skip=$((block + 1)) count="$2" 2> /dev/null | busybox cpio -i -d -u 2> /dev/null ||
		give_up "the trial's archive cannot be unpacked"
	# Nobody can read the secret there, and it is gone all the same.
	busybox dd if=/dev/zero of=/dev/mem bs=64k seek=$block count="$3" 2> /dev/null ||
		give_up "the trial's memory cannot be wiped"
	# What the kernel asks for while it finds the devices is not answered, as in a cold boot, where it does so before init.
	echo > /proc/sys/kernel/modprobe
	echo 1 > /sys/bus/pci/rescan
}
