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

# sectors NODE: its size in units of 512 bytes.
sectors() {
	cat "/sys/class/block/$(basename "$(readlink -f "$1")")/size"
}
