# Keeps the agent out of the steps' reach (README.md, "What a step can do"). Sourced by init.sh.

# What steps do not get (capabilities(7)): device nodes, the machine's memory and ports, other processes' memory, another
# kernel. They keep what mounts, networks, rules and modules need. SYS_PTRACE is what Yama asks for below.
KEPT_FROM_STEPS=-mknod,-sys_rawio,-sys_ptrace,-sys_boot,-dac_read_search,-setpcap,-mac_admin,-mac_override,-audit_control

start_launcher() {
	exec 4<> /run/bootgate/launch 3<> /run/bootgate/launched
	/usr/bin/setpriv --bounding-set "$KEPT_FROM_STEPS" busybox sh /bootgate/launcher.sh <&4 >&3 3>&- 4>&- 7>&- 8>&- &
	local answer=
	read -r -t 60 answer <&3
	[ "$answer" = ready ] && cd /run/bootgate/room || give_up "the launcher of the steps does not answer"
}

# The module window is read by one process, for all who ask it.
start_fetcher() {
	local word= window=
	[ -e /bootgate/window ] || return 0
	read -r cmdline < /proc/cmdline
	for word in $cmdline; do
		case $word in bootgate.window=*) window=${word#*=} ;; esac
	done
	[ -c /dev/mem ] || give_up "no /dev/mem to read the module window from"
	exec 5<> /run/bootgate/fetch 6< /dev/mem
	./busybox awk -v folder="$folder" -v window="$window" -f ./fetcher.awk <&5 3>&- 4>&- 5>&- 7>&- 8>&- 9>&- &
	exec 5>&- 6>&-
}

# Nothing is left by which a step could speak as init. The kernel log stays: records in it are sealed.
hide_channels() {
	local node=/dev/$device
	[ "$channel" != kmsg ] || node=
	# /bootgate/dev has been copied: who reads every file below /bootgate must not open devices.
	busybox rm -rf /bootgate/dev /run/bootgate/orders /run/bootgate/answers /run/bootgate/launch /run/bootgate/launched \
		/run/bootgate/contained /run/bootgate/output /bootgate/scenario/env /dev/mem /dev/kmem /dev/port $node
}

# From here on nothing outside of the steps' namespaces is open to them, or to what the kernel starts in their name.
shut_doors() {
	# Programs that the kernel starts (modprobe, core_pattern, ...) may load modules and nothing else: a step chooses them.
	# CAP_SYS_MODULE is bit 16.
	echo "65536 0" > /proc/sys/kernel/usermodehelper/bset
	# A process that an earlier step has left must not change a later one. Only CAP_SYS_PTRACE may undo this.
	[ ! -e /proc/sys/kernel/yama/ptrace_scope ] || echo 2 > /proc/sys/kernel/yama/ptrace_scope
	printk=$(busybox cat /proc/sys/kernel/printk)
	read -r stamps < /sys/module/printk/parameters/time || stamps=
}

# A step may have silenced the kernel (dmesg -n) or taken the timestamps away by which its lines are known.
give_voice_back() {
	echo "$printk" > /proc/sys/kernel/printk
	[ -z "$stamps" ] || echo "$stamps" > /sys/module/printk/parameters/time
}
