#!/bin/busybox sh
# /sbin/modprobe of the guest: called by the kernel (`-q -- NAME`), by steps and by their tools. Notes each request with the
# real modprobe's status, in /run/bootgate/requests as STATUS TAB STEP TAB NAME, after fetching what it will read.

# The kernel starts its helpers without any open file.
for fd in 0 1 2; do
	[ -e /proc/self/fd/$fd ] || eval "exec $fd<> /dev/null"
done

all=0 names= modules=
for word in "$@"; do
	case $word in
	# Anything but plain loading is none of our business.
	-r | --remove | -R | --resolve-alias | -D | --show-depends | -c | --showconfig | -n | --dry-run | -V | --version | \
		-h | --help | --dump-modversions | -d | --dirname | -C | --config | -S | --set-version)
		exec /usr/lib/kmod/modprobe "$@"
		;;
	-a | --all | -[a-z]*a*) all=1 ;;
	-*) ;;
	*)
		# Without -a, what follows the first name are its parameters.
		[ -z "$names" ] || [ $all = 1 ] || break
		names="$names $word"
		;;
	esac
done

. /bootgate/materialise.sh
set -f
if materialise $names || [ "$1" != -q ]; then
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
for name in $names; do printf '%s\t%s\t%s\n' $status "$step" "$name"; done >> /run/bootgate/requests
exit $status
