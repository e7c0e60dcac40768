# What `bootgate shell` offers beside the tools: read by an interactive ash as its ENV.
cd /
. /bootgate/programs.sh
. /bootgate/helpers.sh
. /bootgate/network.sh
. /bootgate/netfilter.sh
. /bootgate/links.sh
. /bootgate/blocks.sh
[ ! -e /bootgate/own.sh ] || . /bootgate/own.sh
PS1='bootgate# '

# In a step the first failure ends it; here a helper only says so.
fail() {
	echo "FAILED: $*"
	return 1
}

# steps: the scenario's steps, from 1.
steps() {
	local index= limit= name=
	while read -r index limit name; do
		[ -z "$name" ] || echo "  $((index + 1))  $name"
	done <<- END
		$BOOTGATE_STEPS
	END
}

# show N: its text.
show() { sed '1s/^cd \/; //' "/bootgate/scenario/step-$((${1:?give the number of a step} - 1)).sh"; }

# step N: runs it as a run would, in a shell of its own; its status is what it ends with.
step() {
	local file=/bootgate/scenario/step-$((${1:?give the number of a step} - 1)).sh
	if [ ! -e "$file" ]; then
		echo "there is no step $1; \`steps\` lists them"
		return 1
	fi
	busybox sh -c '
		. /bootgate/programs.sh
		for part in helpers network netfilter links blocks; do . "/bootgate/$part.sh"; done
		[ ! -e /bootgate/own.sh ] || . /bootgate/own.sh
		if grep -qE "lib/modules|modules[./]|insmod|depmod|[.]ko" "$1"; then
			. /bootgate/materialise.sh
			show_files "$1"
		fi
		set -eu
		. "$1"
	' step "$file" && echo ok
}

# modprobe, honest about what the set lacks.
modprobe() {
	local status= word= name=
	/sbin/modprobe "$@"
	status=$?
	[ $status != 0 ] || return 0
	for word in "$@"; do
		case $word in -*) continue ;; esac
		lacks "$word"
		break
	done
	return $status
}

# lacks NAME: whether the full module tree has it while the set does not, by name or by an alias without wildcards.
lacks() {
	busybox awk -F '\t' -v wanted="$1" '
		BEGIN { name = wanted; gsub(/-/, "_", name) }
		$1 == "module" && $2 == name { print wanted " is not in the module set; the kernel has it: " $3 ($4 == "" ? "" : ", " $4); found = 1; exit }
		$1 == "alias" && ($2 == wanted || $2 == name) { print wanted " is " $3 ", which is not in the module set"; found = 1; exit }
		END { if (!found) print wanted ": the full module tree has no such module either" }
	' /bootgate/lacks
}

unbound() {
	echo "devices without a driver:"
	without_driver | tr ' ' '\n'
}

# This shell has a process namespace of its own, where nothing can power the machine off: init does when the shell ends.
poweroff() { exit; }
alias reboot=poweroff halt=poweroff

cat /bootgate/scenario/greeting
