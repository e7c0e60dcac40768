#!/bin/busybox sh
# Called by udhcpc: $1 is the event, the lease is in the environment.
case $1 in
deconfig) ip address flush dev "$interface" ;;
bound | renew)
	ip address replace "$ip/${mask:-24}" dev "$interface"
	[ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface"
	;;
esac
