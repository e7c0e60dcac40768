# Helpers for network cards: an address, and bytes both ways.

# dhcp NIC: brings it up and gets an address for it.
dhcp() {
	local lease=
	need_nic "$1"
	ip link set "$nic" up || fail "$nic does not come up"
	udhcpc -i "$nic" -f -q -n -t 6 -T 1 -s /bootgate/udhcpc.sh > /tmp/dhcp 2>&1 || {
		cat /tmp/dhcp
		fail "no DHCP server answered on $nic"
	}
	lease=$(ip -4 -o address show dev "$nic" | sed -n 's/.* inet \([0-9.]*\).*/\1/p')
	[ -n "$lease" ] || fail "DHCP brought no address for $nic"
	echo "$nic has $lease"
}

# expect_answer ADDRESS: it answers a ping.
expect_answer() {
	ping -c 1 -W 3 "$1" > /tmp/ping 2>&1 || fail "$1 does not answer: $(tail -n 3 /tmp/ping)"
}

# far_end_exchange MEBIBYTES: sends that much to the harness's server, which checks it and sends as much of its own, which is
# checked here. Protocol: `PUT BYTES SHA256` and the bytes; answer `OK BYTES SHA256` and the bytes, or `BAD REASON`.
far_end_exchange() {
	local bytes=$(($1 * 1048576)) sum= answer= count= theirs=
	dd if=/dev/urandom of=/tmp/sent bs=64k count=$(($1 * 16)) status=none
	sum=$(sha256sum < /tmp/sent)
	rm -f /tmp/to-far /tmp/from-far
	mkfifo /tmp/to-far /tmp/from-far
	nc -w 10 10.0.2.100 9000 < /tmp/to-far > /tmp/from-far &
	# A connection that breaks is told about below, instead of killing the step here.
	trap '' PIPE
	exec 5> /tmp/to-far 4< /tmp/from-far
	{ printf 'PUT %d %s\n' $bytes "${sum%% *}" && cat /tmp/sent; } >&5 2> /dev/null ||
		fail "the connection to the far end broke while sending"
	read -r answer count theirs <&4 || fail "the far end closed without an answer"
	[ "$answer" = OK ] || fail "the far end says: $answer $count $theirs"
	head -c "$count" <&4 > /tmp/received
	exec 5>&- 4<&-
	[ "$(sha256sum < /tmp/received)" = "$theirs  -" ] ||
		fail "of $count bytes from the far end, $(wc -c < /tmp/received) arrived or not as they were sent"
	[ "$count" -ge $bytes ] || fail "the far end sent only $count bytes"
	echo "$bytes bytes sent, $count received"
}
