# `bootgate shell`: a person's shell on the console, in the namespaces of the steps. Sourced by init.sh when the scenario's facts
# have `shell`; what the shell offers is in shellrc.sh.

# The namespaces that launcher.sh has made: those of the one process whose mounts are not ours and whose own are.
find_inside() {
	local ours= theirs= file=
	ours=$(busybox readlink /proc/self/ns/mnt)
	for file in /proc/[0-9]*/ns/mnt; do
		theirs=$(busybox readlink "$file") || continue
		# kdevtmpfs has mounts of its own too (drivers/base/devtmpfs.c); a kernel thread runs no file.
		[ "$theirs" != "$ours" ] && busybox readlink "${file%/ns/mnt}/exe" > /dev/null || continue
		inside=${file%/mnt}
		return
	done
	give_up "the steps have no namespaces"
}

open_shell() {
	local console= inside=
	find_inside
	read -r console < /sys/class/tty/console/active
	console=/dev/${console##* }
	# Messages of the kernel go on; a line that is being typed is drawn again with Ctrl-L.
	busybox stty -F "$console" sane rows "${shell_rows:-24}" cols "${shell_columns:-80}"
	: > /run/bootgate/step
	BOOTGATE_STEPS=$steps ENV=/bootgate/shellrc.sh busybox setsid -c busybox nsenter "-m$inside/mnt" \
		"-p$inside/pid_for_children" busybox sh -i < "$console" > "$console" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
}
