#!/bin/busybox sh
# insmod, modinfo and depmod of the guest: the real ones, once the files that they will read are in place.
tool=${0##*/}
. /bootgate/materialise.sh

# What modinfo says of a name: its files, or that it is built in.
named() {
	local word= value=0
	for word in "$@"; do
		if [ $value = 1 ]; then
			value=0
			continue
		fi
		case $word in
		-F | --field) value=1 ;;
		-* | */*) ;;
		*) /usr/lib/kmod/modinfo -n "$word" 2> /dev/null ;;
		esac
	done
}

# depmod reads every file of the set.
everything() {
	local bytes= free=
	case " $* " in *" -V "* | *" --version "* | *" -h "* | *" --help "* | *" -b"* | *" --basedir"*) return ;; esac
	bytes=$(busybox awk '{ n += $3 } END { printf "%.0f", n / 1048576 }' /bootgate/window)
	free=$(busybox awk '/^MemAvailable/ { printf "%.0f", $2 / 1024 }' /proc/meminfo)
	if [ "$bytes" -gt $((free / 2)) ]; then
		echo "depmod: the set has $bytes MiB of modules and this guest $free MiB of free memory: give the scenario more memory" >&2
		exit 1
	fi
	show_files /dev/null
	fetch "$(busybox cut -d ' ' -f 1 /bootgate/window)"
}

if in_window; then
	case $tool in
	insmod) fetch "$(below "$@")" ;;
	modinfo)
		show_texts
		# A path that is named, and the paths behind names.
		fetch "$(below "$@" $(named "$@"))"
		;;
	depmod) everything "$@" ;;
	esac
else
	show_texts
fi
exec /usr/lib/kmod/"$tool" "$@"
