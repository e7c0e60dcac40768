#!/bin/busybox sh
# Starts the steps, in namespaces of their own from which nothing of the agent can be reached (README.md, "What a step
# can do"). Started by init with the capabilities that steps have.
#
# stdin: orders `INDEX LIMIT [looks]`; stdout: `ready`, then each step's exit status. Descriptor 9: where steps print.
room=/run/bootgate/room

# The steps' own process and mount namespaces, with a process of their own that waits for what they leave behind. They
# begin here and now, so that what is mounted for the agent later is not in them.
exec 3<> /run/bootgate/contained
busybox unshare -m -p -f busybox sh -c '
	umount -l /proc
	mount -t proc proc /proc
	echo ok
	exec > /dev/null
	while :; do
		sleep 1000000 &
		wait
	done
' < /dev/null >&3 3>&- 9>&- &
inside=/proc/$!/ns
read -r _ <&3
exec 3>&-

# What starts a step must not be what an earlier step has changed: copies that no step can see, and nobody can write.
busybox mkdir -p "$room"
busybox mount -t tmpfs -o size=16m,mode=700 room "$room"
busybox cp /bin/busybox /bootgate/*.sh /bootgate/*.awk /bootgate/scenario/step-*.sh "$room" 2> /dev/null
busybox mount -o remount,ro "$room"
cd "$room" || exit 1
exec 3< /dev/null
echo ready

while read -r index limit looks; do
	# A session of its own, so that everything that it started can be killed with it. The working directory was opened
	# outside: it leads to the copies in a file system that the steps do not have.
	./busybox setsid ./busybox timeout -k 2 "$limit" ./busybox nsenter "-m$inside/mnt" "-p$inside/pid_for_children" -w. \
		./busybox sh ./step.sh "$index" "$looks" <&3 >&9 2>&1 3>&- 9>&- &
	step=$!
	wait $step
	status=$?
	kill -9 -$step 2> /dev/null
	echo $status
done
