# Three hosts in one guest, for rules to stand between:
#
#   client 10.1.0.2 --- 10.1.0.1 (to-client)  this one, the router  (to-server) 10.2.0.1 --- 10.2.0.2 server
#
# client and server are network namespaces; each is the far side of a veth pair.

# routed_network: builds them.
routed_network() {
	local side= name=
	for side in client:1 server:2; do
		name=${side%:*} side=${side#*:}
		quietly ip netns add "$name"
		quietly ip link add "to-$name" type veth peer name eth0 netns "$name"
		quietly ip address add "10.$side.0.1/24" dev "to-$name"
		quietly ip link set "to-$name" up
		quietly ip -n "$name" address add "10.$side.0.2/24" dev eth0
		quietly ip -n "$name" link set eth0 up
		quietly ip -n "$name" route add default via "10.$side.0.1"
	done
	echo 1 > /proc/sys/net/ipv4/ip_forward
}

# on HOST COMMAND...: runs it on client, server or router (or left and right, see links.sh).
on() {
	local host=$1 program=$2 folder=
	shift
	if [ "$host" = router ]; then
		"$@"
		return
	fi
	# The busybox that enters the namespace would run its own applet of this name (tc, ip) rather than the real program.
	for folder in /usr/sbin /usr/bin; do
		[ ! -x "$folder/$program" ] || { program=$folder/$program && break; }
	done
	shift
	nsenter "-n/run/netns/$host" "$program" "$@"
}

# serve PORT [HOST]: from now on the server (or HOST) answers there with its own view of the connection, and goes on when the
# step ends.
serve() {
	on "${2:-server}" setsid nc -ll -p "$1" -e /bin/busybox netstat -tn > /dev/null 2>&1 &
	within 5 listening "$1" "${2:-server}" || fail "nothing listens on port $1 of the ${2:-server}"
}

# listening PORT [HOST]: somebody listens there, on the server or HOST.
listening() {
	on "${2:-server}" netstat -ltn | grep -q ":$1 "
}

# reaches HOST ADDRESS [PORT]: a ping, or with a port a TCP connection that is answered; the answer is in /tmp/answer.
reaches() {
	if [ $# = 2 ]; then
		on "$1" ping -c 1 -W 1 "$2" > /tmp/answer 2>&1
	else
		on "$1" timeout 4 nc -w 1 "$2" "$3" < /dev/null > /tmp/answer 2>&1 && [ -s /tmp/answer ]
	fi
}

# expect_open HOST ADDRESS [PORT]: reaches it; three tries, as a neighbour may have to be found first.
expect_open() {
	reaches "$@" || reaches "$@" || reaches "$@" || fail "$1 does not reach $2${3:+ port $3}, and should"
}

# expect_blocked HOST ADDRESS [PORT]: does not reach it.
expect_blocked() {
	! reaches "$@" || fail "$1 reaches $2${3:+ port $3}, and should not"
}

# expect_seen_as ADDRESS TO PORT: when the client connects, the server sees it come from ADDRESS.
expect_seen_as() {
	local seen=
	expect_open client "$2" "$3"
	# The client has closed its half already, so that the connection may be in CLOSE_WAIT.
	seen=$(sed -n 's/.*[ :]\([0-9.]*\):[0-9]* *\(ESTABLISHED\|CLOSE_WAIT\).*/\1/p' /tmp/answer | head -n 1)
	[ "$seen" = "$1" ] || fail "the server sees the client as ${seen:-nobody}, expected $1"
}

# nft_packets TABLE WORDS: packets counted by the first rule of the table that has these words.
nft_packets() {
	nft list table ip "$1" | grep -e "$2" | sed -n 's/.*counter packets \([0-9]*\).*/\1/p' | head -n 1
}

# expect_counted TABLE WORDS: the rule with these words has counted packets.
expect_counted() {
	local packets=
	packets=$(nft_packets "$1" "$2")
	[ "${packets:-0}" -gt 0 ] || fail "the rule with \`$2\` in table $1 has counted ${packets:-nothing}"
}

# watch_packets HOST HOOK MATCH: from now on an nftables rule of its own counts the packets that pass this hook (prerouting, forward,
# postrouting ...) of a host and match. For what another rule has done to a packet. Needs the tool nft; one watch a host.
watch_packets() {
	printf 'table ip watch {\n chain watch {\n type filter hook %s priority 10; policy accept;\n %s counter\n }\n}\n' "$2" "$3" > /tmp/watch
	quietly on "$1" nft -f /tmp/watch
}

# expect_watched HOST: packets have passed there that match.
expect_watched() {
	local packets=
	packets=$(on "$1" nft list table ip watch | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
	[ "${packets:-0}" -gt 0 ] || fail "no packet on $1 matches: $(on "$1" nft list table ip watch | grep counter)"
}

# iptables_packets CHAIN TARGET: packets counted by the chain's first rule with this target.
iptables_packets() {
	iptables -w -nvx -L "$1" | awk -v target="$2" '$3 == target { print $1; exit }'
}
