# Puts module files into place before somebody reads them. Where they came with the archive there is nothing to do; else
# the catalogue /bootgate/window names those of the set (`PATH OFFSET BYTES`), and fetcher.awk has their bytes.
# Sourced by init.sh, step.sh, modprobe.sh and module-tools.sh.

# $release, and $folder: where module files lie.
read -r release < /proc/sys/kernel/osrelease
folder=/lib/modules/$release

# Module files in a window: nobody has to ask otherwise.
in_window() { [ -e /bootgate/window ] && [ -p /run/bootgate/fetch ]; }

# fetch PATHS: a line each, below $folder. Back when the files and what they need are there, with $answer `again` when
# soft dependencies may be missing.
reply=
fetch() {
	local path= line= number=0
	local IFS='
'
	answer=done
	[ -n "$1" ] || return 0
	# The pid is that of one namespace of several.
	while [ -z "$reply" ]; do
		number=$((number + 1))
		[ $number -lt 1000 ] || return 1
		busybox mkfifo "/run/bootgate/reply.$$.$number" 2> /dev/null || continue
		reply=reply.$$.$number
		exec 5<> "/run/bootgate/$reply"
	done
	for path in $1; do
		line="$line $path"
		# What is longer than PIPE_BUF may be mixed with the order of somebody else.
		[ ${#line} -gt 3000 ] || continue
		echo "$reply +$line" > /run/bootgate/fetch
		line=
	done
	echo "$reply .$line" > /run/bootgate/fetch
	read -r -t 60 answer <&5
}

# Paths of module files, as the catalogue has them, a line each.
below() {
	local file=
	for file in "$@"; do
		case $file in */* | *.ko | *.ko.*) ;; *) continue ;; esac
		file=$(busybox readlink -f "$file") && case $file in
		*/modules/"$release"/*) echo "${file#*/modules/"$release"/}" ;;
		esac
	done
}

# materialise NAME...: puts into place every file that loading these names or aliases would read, and sets $modules to the
# modules that they come to, dependencies first. Status 1: they come to nothing, not even built-ins.
materialise() {
	local plan= line= file= wanted= before= rounds=0
	local IFS='
'
	while [ $rounds -lt 8 ]; do
		rounds=$((rounds + 1))
		# Lines `insmod /lib/modules/R/kernel/x.ko OPTIONS` and `builtin x`; names that come to nothing are passed over.
		plan="$(/usr/lib/kmod/modprobe -q -a -D -- "$@" 2> /dev/null)"
		modules='' wanted=''
		[ -n "$plan" ] || return 1
		for line in $plan; do
			case $line in "insmod $folder/"*) ;; *) continue ;; esac
			file=${line#"insmod $folder/"}
			file=${file%% *}
			line=${file##*/}
			modules="$modules ${line%%.ko*}"
			wanted="$wanted$file
"
		done
		in_window || return 0
		# libkmod forgets the dependencies of a module when the file of one is not there. So: what it names and what
		# modules.dep says those need; and again while some of these have soft dependencies, until it names nothing new.
		[ "$wanted" != "$before" ] || return 0
		before=$wanted
		fetch "$wanted" || return 0
		[ "$answer" = again ] || return 0
	done
}

# The indexes that kmod reads only for some questions, and the texts that only people read.
show_texts() {
	local text=
	for text in /bootgate/texts/*.gz; do
		text=${text##*/} text=${text%.gz}
		[ -e "$folder/$text" ] || busybox zcat "/bootgate/texts/$text.gz" > "$folder/$text"
	done
}

# show_files FILE: the set's files, for a step that looks at them itself. All have their names and sizes; their bytes are
# there when they are few or when FILE, the step's text, names the module.
show_files() {
	show_texts
	in_window || return 0
	fetch "$(busybox awk '
		function nameOf(path) { sub(/.*\//, "", path); sub(/\.ko.*/, "", path); gsub(/-/, "_", path); return path }
		FILENAME == ARGV[1] { gsub(/-/, "_"); while (match($0, /[A-Za-z0-9_]+/)) { said[substr($0, RSTART, RLENGTH)] = 1; $0 = substr($0, RSTART + RLENGTH) } next }
		{ path[++n] = $1; bytes += $3 }
		END { for (i = 1; i <= n; i++) if (bytes <= 16777216 || (nameOf(path[i]) in said)) print path[i] }
	' "$1" /bootgate/window)"
	[ ! -e /run/bootgate/shown ] || return 0
	: > /run/bootgate/shown
	busybox awk -v folder="$folder" '{
		sub(/\/[^\/]*$/, "", $1)
		if (!made[$1]++) print folder "/" $1
	}' /bootgate/window | busybox xargs busybox mkdir -p
	# Applets that xargs runs without a process: a name and a size for each.
	# A file that has its bytes already keeps them.
	busybox awk -v folder="$folder" '{ print $3 "\n" folder "/" $1 }' /bootgate/window | busybox xargs -n 2 truncate -s
}
