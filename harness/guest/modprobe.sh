#!/bin/busybox sh
# /sbin/modprobe of the guest: called by the kernel (`-q -- NAME`), by steps and by their tools. Fetches what the real
# modprobe will read, and notes each request to load with its status, in /run/bootgate/requests as STATUS TAB STEP TAB NAME.

# The kernel starts its helpers without any open file.
for fd in 0 1 2; do
	[ -e /proc/self/fd/$fd ] || eval "exec $fd<> /dev/null"
done

# What kmod's getopt would make of the arguments: `mode` is load, look (files are read, nothing is loaded) or other.
mode=load all=0 names='' value=0 options=1
for word in "$@"; do
	if [ $value = 1 ]; then
		value=0
		continue
	fi
	case $options$word in
	1--) options=0 ;;
	1--all) all=1 ;;
	1--re*e*-* | 1--remove) all=1 mode=look ;;
	1--sh*-d* | 1--dry-run | 1--show) mode=look ;;
	1--resolve* | 1--sh*c* | 1--dump* | 1--sh*-[me]* | 1--dirname* | 1--set-version* | 1--vers* | 1--help) mode=other ;;
	1--config | 1--wait) value=1 ;;
	1--*) ;;
	1-?*)
		letters=${word#-}
		while [ -n "$letters" ]; do
			case $letters in
			a*) all=1 ;;
			r*) all=1 mode=look ;;
			[Dn]*) mode=look ;;
			[RcdSVh]*) mode=other ;;
			esac
			case $letters in [CdSw]) value=1 ;; esac
			case $letters in [CdSw]*) break ;; esac
			letters=${letters#?}
		done
		;;
	*) names="$names $word" ;;
	esac
done
[ $mode != other ] || exec /usr/lib/kmod/modprobe "$@"

modules='' folder=''
set -f
# Without -a, what follows the first name are its parameters.
if [ $all = 0 ]; then
	names=${names# }
	names=" ${names%% *}"
fi
case $1$names in
# An instance of a crypto template, as in crypto-cryptd(__xts-aes-aesni)-all: the kernel asks for each that it makes, by a name
# that no module has, and for the template by itself. aesni_intel alone brings twenty of them.
-q\ crypto-*\(*) ;;
*) . /bootgate/materialise.sh ;;
esac
# modprobe takes a path as well.
case $names in
*/*) ! in_window || fetch "$(below $names)" ;;
esac
if [ -n "$folder" ] && materialise $names || [ "$1" != -q ]; then
	[ $mode = load ] || exec /usr/lib/kmod/modprobe "$@"
	/usr/lib/kmod/modprobe "$@"
	status=$?
else
	# What comes to nothing needs no second asking, when nobody wants to hear of it.
	status=1
fi
# The kernel asks with -q, which hides why a module would not load: asked again aloud, for the report.
if [ $status != 0 ] && [ -n "$modules" ]; then
	/usr/lib/kmod/modprobe -a $modules 2>> /run/bootgate/errors
fi

step=
read -r step < /run/bootgate/step
for name in $names; do
	of=$status
	# One status for many names: which of them it is about is asked one by one.
	if [ $status != 0 ] && [ "$names" != " $name" ]; then
		/usr/lib/kmod/modprobe -q -- "$name"
		of=$?
	fi
	printf '%s\t%s\t%s\n' $of "$step" "$name"
done >> /run/bootgate/requests
exit $status
