# What steps are written with. Each helper says in one sentence what is wrong, and then the step has failed.
# Disks are named by their serial, network cards by nic0, nic1, ...

# fail SENTENCE: ends the step.
fail() {
	echo "FAILED: $*"
	exit 1
}

# quietly COMMAND...: runs it; what it printed is shown only when it fails, and then the step has failed.
quietly() {
	"$@" > /tmp/quietly 2>&1 || {
		status=$?
		tail -n 20 /tmp/quietly
		fail "\`$*\` ended with status $status"
	}
}

# within SECONDS COMMAND...: tries until it works; status 1 when the time has passed.
within() {
	local seconds=$1 up= end=
	shift
	read -r up _ < /proc/uptime
	end=$((${up%.*} + seconds))
	until "$@"; do
		read -r up _ < /proc/uptime
		[ "${up%.*}" -lt $end ] || return 1
		usleep 50000
	done
}

# Looks a declared device up, as init found it: into $node.
look_up() {
	local kind= name= id=
	while read -r kind name id node; do
		[ "$kind" = "$1" ] && { [ "$name" = "$2" ] || [ "$id" = "$2" ]; } && return
	done < /run/bootgate/devices
	fail "the scenario declares no $1 $2"
}

# Devices that nothing drives: what is probably behind a device that is not there.
without_driver() {
	local file= alias=
	for file in /sys/bus/pci/devices/*/modalias /sys/bus/virtio/devices/*/modalias /sys/bus/scsi/devices/*/modalias \
		/sys/bus/usb/devices/*/modalias /sys/bus/mmc/devices/*/modalias; do
		[ -e "$file" ] && [ ! -e "${file%/*}/driver" ] && read -r alias < "$file" && printf ' %s' "$alias"
	done
}

# need_disk SERIAL: sets $disk to its device node.
need_disk() {
	local node=
	look_up disk "$1"
	[ -n "$node" ] || fail "no disk with serial $1; devices without a driver:$(without_driver)"
	[ -b "$node" ] || fail "the disk with serial $1 has no device node $node"
	disk=$node
}

# need_nic NIC: sets $nic to its interface.
need_nic() {
	local node=
	look_up nic "$1"
	[ -n "$node" ] || fail "no network card for $1; devices without a driver:$(without_driver)"
	nic=$node
}

# need_driver NODE DRIVER...: the device of a disk or interface is driven by one of these, and not by something else.
need_driver() {
	local name=${1##*/} found= link=
	shift
	for link in "/sys/block/$name/device" "/sys/class/net/$name/device"; do
		while [ -n "$link" ] && [ -e "$link" ] && link=$(readlink -f "$link") && [ "$link" != /sys/devices ]; do
			[ ! -e "$link/driver" ] || found="$found $(basename "$(readlink "$link/driver")")"
			link=${link%/*}
		done
	done
	for link in "$@"; do
		case " $found " in *" $link "*) return ;; esac
	done
	fail "$name is driven by${found:- nothing}, expected $*"
}

# need_bound DRIVER...: one of these drives a device.
need_bound() {
	local driver= device=
	for driver in "$@"; do
		for device in /sys/bus/*/drivers/"$driver"/*/driver; do
			[ ! -e "$device" ] || return 0
		done
	done
	fail "nothing is driven by $*; devices without a driver:$(without_driver)"
}

drop_caches() {
	sync
	echo 3 > /proc/sys/vm/drop_caches
}

# The pattern: 64 blocks of 4096 bytes in 8 runs across the disk, from its beginning to its end. A block is the line
# `bootgate SEED NUMBER` filled up with spaces. The harness looks for the same in the disk file when the guest is gone.
# The shell itself makes the blocks, and a run is one dd: under emulation every process costs some 20 ms.
pattern_blocks() {
	local block=0
	while [ $block -lt 64 ]; do
		printf '%-4095s\n' "bootgate $BOOTGATE_SEED $block"
		block=$((block + 1))
	done > /tmp/pattern
}

# From one run to the next, in bytes, into $stride.
pattern_stride() {
	local sectors=
	read -r sectors < "/sys/block/${disk##*/}/size"
	stride=$(((sectors * 512 - 32768) / 7 / 4096 * 4096))
}

# pattern_write SERIAL: writes the pattern, flushes it to the disk.
pattern_write() {
	local stride=
	need_disk "$1"
	pattern_stride
	pattern_blocks
	for run in 0 1 2 3 4 5 6 7; do
		dd if=/tmp/pattern of="$disk" bs=32768 count=1 skip=$run seek=$((run * stride)) oflag=seek_bytes conv=notrunc status=none ||
			fail "could not write run $run of the pattern to $disk"
	done
	dd if=/dev/null of="$disk" bs=4096 count=0 conv=notrunc,fsync status=none || fail "could not flush $disk"
	echo "64 blocks in 8 runs written to $disk, a run every $stride bytes"
}

# pattern_check SERIAL: drops caches, reads the pattern back from the disk.
pattern_check() {
	local stride=
	need_disk "$1"
	pattern_stride
	pattern_blocks
	drop_caches
	for run in 0 1 2 3 4 5 6 7; do
		dd if="$disk" bs=32768 count=1 skip=$((run * stride)) iflag=skip_bytes status=none ||
			fail "could not read run $run of the pattern from $disk"
	done > /tmp/pattern.read
	cmp /tmp/pattern /tmp/pattern.read || fail "the pattern does not read back from $disk"
	echo "64 blocks in 8 runs read back from $disk"
}

# The life of a file system, in four helpers so that a report says which part of it failed. What is written is kept as
# checksums outside of it, in /tmp.

# fs_make TYPE SERIAL: makes a file system across the disk.
fs_make() {
	need_disk "$2"
	case $1 in
	ext4) quietly mkfs.ext4 -q -F "$disk" ;;
	xfs) quietly mkfs.xfs -q -f "$disk" ;;
	btrfs) quietly mkfs.btrfs -q -f "$disk" ;;
	vfat) quietly mkfs.vfat "$disk" ;;
	ext2) quietly mkfs.ext4 -q -F -t ext2 "$disk" ;;
	ext3) quietly mkfs.ext4 -q -F -t ext3 "$disk" ;;
	exfat) quietly mkfs.exfat "$disk" ;;
	f2fs) quietly mkfs.f2fs -q -f "$disk" ;;
	ntfs3) quietly mkntfs -q -F -f "$disk" ;;
	udf) quietly mkudffs "$disk" ;;
	*) fail "fs_make knows no $1" ;;
	esac
}

# fs_mount TYPE SERIAL: mounts it on /mnt, by its own type and no other.
fs_mount() {
	need_disk "$2"
	mkdir -p /mnt
	mount -t "$1" "$disk" /mnt || fail "$1 on $disk does not mount"
	grep -q "^$disk /mnt $1 " /proc/mounts || fail "$disk is not mounted as $1: $(grep "^$disk " /proc/mounts)"
}

fs_unmount() {
	umount /mnt || fail "/mnt does not unmount"
}

# fs_write TYPE SERIAL: 40 small files in folders, one of 4 MiB, one renamed, one removed, one cut short.
fs_write() {
	local folder= number=0
	fs_mount "$1" "$2"
	mkdir -p /mnt/a/b /mnt/c || fail "no folder can be made on $1"
	for folder in a a/b c .; do
		number=0
		while [ $number -lt 10 ]; do
			echo "$BOOTGATE_SEED $folder $number" > "/mnt/$folder/file $number" || fail "$1 takes no file"
			number=$((number + 1))
		done
	done
	dd if=/dev/urandom of=/mnt/large bs=64k count=64 status=none || fail "$1 does not take 4 MiB"
	cp /mnt/large /mnt/short && truncate -s 100001 /mnt/short || fail "$1 cannot cut a file short"
	mv "/mnt/c/file 1" "/mnt/a/renamed" && rm "/mnt/c/file 2" || fail "$1 cannot rename and remove"
	(cd /mnt && find . -type f -exec sha256sum {} + | sort) > /tmp/checksums
	[ "$(wc -l < /tmp/checksums)" = 41 ] || fail "41 files were written to $1, $(wc -l < /tmp/checksums) are there"
	fs_unmount
}

# fs_check TYPE SERIAL: what the file system's own checker says of it, unmounted.
fs_check() {
	need_disk "$2"
	case $1 in
	ext4) quietly fsck.ext4 -f -n "$disk" ;;
	xfs) quietly xfs_repair -n "$disk" ;;
	btrfs) quietly btrfs check --readonly "$disk" ;;
	vfat) quietly fsck.vfat -n "$disk" ;;
	ext2 | ext3) quietly fsck.ext4 -f -n "$disk" ;;
	exfat) quietly fsck.exfat -n "$disk" ;;
	f2fs) quietly fsck.f2fs "$disk" ;;
	ntfs3) quietly ntfsfix -n "$disk" ;;
	# Nothing checks udf; udfinfo says whether it was closed as it should be, and counts what fs_write has left.
	udf)
		quietly udfinfo "$disk"
		grep -q '^integrity=closed' /tmp/quietly && grep -q '^numfiles=41' /tmp/quietly ||
			fail "udfinfo says: $(grep -e '^integrity' -e '^numfiles' /tmp/quietly | tr '\n' ' ')"
		;;
	*) fail "fs_check knows no $1" ;;
	esac
}

# fs_verify TYPE SERIAL: mounts it again with cold caches; the same files with the same bytes.
fs_verify() {
	drop_caches
	fs_mount "$1" "$2"
	(cd /mnt && find . -type f -exec sha256sum {} + | sort) > /tmp/found
	cmp -s /tmp/checksums /tmp/found || {
		diff /tmp/checksums /tmp/found | head -n 10
		fail "$1 does not hold what was written to it"
	}
	fs_unmount
}
