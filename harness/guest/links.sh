# Helpers for links between hosts, beside those of netfilter.sh.
#
#   left 10.9.0.1  fd09::1  (eth0) --------- (eth0) right 10.9.0.2  fd09::2
#
# Both are network namespaces; `on left`, `on right` and `on router` (this host) run commands in them.

# two_hosts: builds them.
two_hosts() {
	quietly ip netns add left
	quietly ip netns add right
	quietly ip -n left link add eth0 type veth peer name eth0 netns right
	each_host address add 10.9.0.ME/24 dev eth0
	each_host address add fd09::ME/64 dev eth0 nodad
	each_host link set lo up
	each_host link set eth0 up
}

# bridged_hosts: left and right, each plugged into the bridge br0 of this host by to-left and to-right.
bridged_hosts() {
	local side= host=
	quietly ip link add br0 type bridge
	quietly ip link set br0 up
	for side in left:1 right:2; do
		host=${side%:*}
		quietly ip netns add "$host"
		quietly ip link add "to-$host" type veth peer name eth0 netns "$host"
		quietly ip link set "to-$host" master br0 up
		quietly ip -n "$host" address add "10.9.0.${side#*:}/24" dev eth0
		quietly ip -n "$host" link set eth0 up
	done
}

# each_host WORDS...: `ip WORDS` on both. ME and PEER in a word stand for 1 and 2 on left, for 2 and 1 on right.
each_host() {
	local host= me= peer=
	for host in left:1:2 right:2:1; do
		peer=${host##*:} me=${host#*:} me=${me%:*} host=${host%%:*}
		quietly ip -n "$host" $(echo "$*" | sed "s/ME/$me/g; s/PEER/$peer/g")
	done
}

# over_link NAME: addresses 10.8.0.1 and .2, fd08::1 and ::2 on this interface of both hosts; it comes up.
over_link() {
	each_host address add 10.8.0.ME/24 dev "$1"
	each_host address add fd08::ME/64 dev "$1" nodad
	each_host link set "$1" up
}

# expect_ping HOST ADDRESS: it answers; three tries, as a neighbour may have to be found first.
expect_ping() {
	local try=
	for try in 1 2 3; do
		if on "$1" ping -c 1 -W 2 "$2" > /tmp/ping 2>&1; then return; fi
	done
	fail "$1 does not reach $2: $(tail -n 2 /tmp/ping | tr '\n' ' ')"
}

# expect_no_ping HOST ADDRESS: it does not answer.
expect_no_ping() {
	if on "$1" ping -c 1 -W 1 "$2" > /tmp/ping 2>&1; then fail "$1 reaches $2, and should not"; fi
}

# expect_carried HOST INTERFACE: packets have come in and gone out through it.
expect_carried() {
	local in= out=
	set -- "$1" "$2" $(on "$1" ip -s link show dev "$2" | awk '/RX:/ { getline; print $2 } /TX:/ { getline; print $2 }')
	in=${3:-0} out=${4:-0}
	[ "$in" -gt 0 ] && [ "$out" -gt 0 ] || fail "$2 on $1 has carried $in packets in and $out out"
	echo "$2 on $1: $in packets in, $out out"
}

# qdisc_packets HOST INTERFACE KIND: packets that the first queueing discipline of this kind has sent.
qdisc_packets() {
	on "$1" tc -s qdisc show dev "$2" | awk -v kind="$3" '$1 == "qdisc" { mine = $2 == kind } mine && $1 == "Sent" { print $4; exit }'
}
