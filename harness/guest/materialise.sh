# Gets module files out of the module window: a region of physical memory, kept from the kernel by memmap=, in which all
# module files of the tree lie. The catalogue /bootgate/window names those of the set: `PATH OFFSET BYTES`.
# Sourced by init.sh and modprobe.sh.

# materialise NAME...: puts into place every file that loading these names or aliases would read, and sets $modules to the
# modules that they come to, dependencies first. Status 1: they come to nothing, not even built-ins.
# Where the files came with the archive there is nothing to fetch.
materialise() {
	local release= plan= line= file= missing= soft= rounds=0
	local IFS='
'
	read -r release < /proc/sys/kernel/osrelease
	# libkmod forgets the dependencies of a module when the file of one is not there. So: what it names and what
	# modules.dep says those need; and again while some of these have soft dependencies, until it names nothing new.
	while [ $rounds -lt 8 ]; do
		rounds=$((rounds + 1))
		# Lines `insmod /lib/modules/R/kernel/x.ko OPTIONS` and `builtin x`; names that come to nothing are passed over.
		plan="$(/usr/lib/kmod/modprobe -q -a -D -- "$@" 2> /dev/null)"
		modules='' missing=''
		[ -n "$plan" ] || return 1
		for line in $plan; do
			case $line in "insmod "*) ;; *) continue ;; esac
			file=${line#insmod }
			file=${file%% *}
			line=${file##*/}
			modules="$modules ${line%%.ko*}"
			[ -e "/run/bootgate/claims/$line.done" ] || missing="$missing${file#"/lib/modules/$release/"}:
"
		done
		[ -n "$missing" ] && [ -e /bootgate/window ] || return 0
		fetch_with_dependencies "$missing" || return 0
		# kmod itself takes 40 ms under emulation, ten times what busybox does.
		printf %s "$soft" | busybox grep -q -F -f - "/lib/modules/$release/modules.softdep" || return 0
	done
}

# Lines `PATH:` as modules.dep begins them. Status 1: the catalogue has none of them.
fetch_with_dependencies() {
	local rows= file= offset= bytes= folders=
	local IFS=' '
	soft=
	# modules.dep: `PATH: PATH...`, to the last dependency of a dependency. A blank after each path, so that none is found
	# as the beginning of another.
	rows="$(printf %s "$1" | busybox grep -F -f - "/lib/modules/$release/modules.dep" | busybox tr -s ': ' '\n' |
		busybox sed 's/$/ /' | busybox grep -F -f - /bootgate/window)"
	[ -n "$rows" ] || return 1
	while read -r file offset bytes; do
		file=/lib/modules/$release/${file%/*}
		case " $folders " in *" $file "*) continue ;; esac
		[ -d "$file" ] || folders="$folders $file"
	done <<- END
		$rows
	END
	[ -z "$folders" ] || busybox mkdir -p $folders
	while read -r file offset bytes; do
		fetch "/lib/modules/$release/$file" "$offset" "$bytes"
		file=${file##*/} file=${file%%.ko*}
		soft="${soft}softdep $file 
"
		case $file in *-*) soft="${soft}softdep $(echo "$file" | busybox tr - _) 
" ;; esac
	done <<- END
		$rows
	END
}

# fetch FILE OFFSET BYTES: copies one file out of the window, if it was not yet. The kernel runs modprobe several times at
# once: who creates the claim copies, the others wait for `done`, so that nobody sees half a file. noclobber makes the
# claim O_EXCL without a fork.
fetch() {
	local claim=/run/bootgate/claims/${1##*/} patience=150
	[ ! -e "$claim.done" ] || return 0
	set -C
	if { true > "$claim"; } 2> /dev/null; then
		set +C
		copy_out "$1" "$2" "$3" && : > "$claim.done"
		return
	fi
	set +C
	until [ -e "$claim.done" ]; do
		patience=$((patience - 1))
		if [ $patience = 0 ]; then
			# Whoever had the claim was killed with its step.
			copy_out "$1.$$" "$2" "$3" && busybox mv "$1.$$" "$1" && : > "$claim.done"
			return
		fi
		busybox usleep 20000
	done
}

copy_out() {
	[ -n "$window" ] || find_window
	busybox dd if=/dev/mem of="$1" bs=64k iflag=skip_bytes,count_bytes skip=$((window + $2)) count="$3" 2> /dev/null
}

# $window: where the module window begins, from the kernel command line.
window=
find_window() {
	local IFS=' ' line= word=
	read -r line < /proc/cmdline
	for word in $line; do
		case $word in bootgate.window=*) window=${word#*=} ;; esac
	done
}
