# Helpers for block devices that the kernel makes of others: device mapper, md, loop.

# A device without a declared disk behind it: the helpers of a disk take its node.
# block_write NODE: 2 MiB that nobody can guess, at its beginning and 1 MiB further on; flushed.
block_write() {
	[ -b "$1" ] || fail "there is no block device $1"
	[ -s /tmp/block ] || dd if=/dev/urandom of=/tmp/block bs=64k count=16 status=none
	dd if=/tmp/block of="$1" bs=64k conv=notrunc,fsync status=none || fail "could not write to $1"
	dd if=/tmp/block of="$1" bs=64k seek=32 conv=notrunc,fsync status=none || fail "could not write to $1 at 2 MiB"
}

# block_check NODE: reads it back with cold caches.
block_check() {
	local skip=
	drop_caches
	for skip in 0 32; do
		dd if="$1" bs=64k count=16 skip=$skip status=none > /tmp/block.read || fail "could not read from $1"
		cmp -s /tmp/block /tmp/block.read || fail "$1 does not hold what was written to it (from 64 KiB block $skip)"
	done
	echo "2 MiB read back from $1"
}

# dm_node NAME: the next mapping will be found at /dev/mapper/NAME. There is no udev here to make the node, and steps may make
# none: the kernel makes /dev/dm-NUMBER, and a link to it is taken for the node.
dm_node() {
	local number=0
	export DM_DISABLE_UDEV=1
	while [ -e "/sys/class/block/dm-$number" ]; do number=$((number + 1)); done
	mkdir -p /dev/mapper
	ln -sf "../dm-$number" "/dev/mapper/$1"
}

# dm_make NAME [DMSETUP-OPTION...]: a mapping from the table on standard input, at /dev/mapper/NAME.
dm_make() {
	local name=$1
	shift
	cat > "/tmp/table.$name"
	dm_node "$name"
	quietly dmsetup create "$name" "$@" "/tmp/table.$name"
	[ -b "/dev/mapper/$name" ] || fail "dmsetup made no /dev/mapper/$name"
}

# dm_remove NAME
dm_remove() {
	export DM_DISABLE_UDEV=1
	quietly dmsetup remove "$1"
}

# md_make LEVEL SERIAL...: an array of these disks at /dev/md0, by the files of md in /sys (admin-guide/md). mdadm opens arrays by
# nodes that it makes itself, which steps may not. Nothing is written on the disks but data: there is no superblock.
md_make() {
	local level=$1 md=/sys/block/md0/md serial= number=0 least=0 size= fact= layout=0
	shift
	# Left-symmetric parity; two copies of each chunk, near to one another.
	case $level in raid5 | raid6) layout=2 ;; raid10) layout=258 ;; esac
	quietly modprobe md_mod
	echo md0 > /sys/module/md_mod/parameters/new_array || fail "md makes no array"
	[ -b /dev/md0 ] || fail "there is no /dev/md0"
	for serial; do
		need_disk "$serial"
		size=$(($(sectors "$disk") / 2))
		[ $least -gt 0 ] && [ $least -lt $size ] || least=$((size / 64 * 64))
	done
	# Sizes are in KiB, and whole chunks; nothing is to be brought into agreement first.
	for fact in metadata_version:none level:$level raid_disks:$# chunk_size:65536 layout:$layout \
		component_size:$least resync_start:none; do
		echo "${fact#*:}" > "$md/${fact%%:*}" || fail "md does not take $fact"
	done
	for serial; do
		need_disk "$serial"
		cat "/sys/block/${disk##*/}/dev" > $md/new_dev || fail "md does not take $disk"
		echo $least > "$md/dev-${disk##*/}/size" && echo $number > "$md/dev-${disk##*/}/slot" || fail "md gives $disk no place"
		number=$((number + 1))
	done
	echo active > $md/array_state || fail "the $level of $# disks does not start"
	grep -q "^md0 : active $level " /proc/mdstat || fail "there is no $level: $(tr '\n' ' ' < /proc/mdstat)"
}

# md_lose SERIAL: its disk is faulty from now on.
md_lose() {
	need_disk "$1"
	echo faulty > "/sys/block/md0/md/dev-${disk##*/}/state" || fail "md does not let $disk go"
	grep -q "${disk##*/}.*(F)" /proc/mdstat || fail "$disk is still in use: $(tr '\n' ' ' < /proc/mdstat)"
}

# md_stop: the array is no more.
md_stop() {
	echo clear > /sys/block/md0/md/array_state || fail "the array does not stop"
}

# sectors NODE: its size in units of 512 bytes.
sectors() {
	cat "/sys/class/block/$(basename "$(readlink -f "$1")")/size"
}
