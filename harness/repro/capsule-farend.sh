#!/bin/sh
# What answers the guest on 10.0.2.100:9000, one process for each connection:
# `PUT BYTES SHA256` and the bytes -> `OK BYTES SHA256` and as many bytes of ours, or `BAD reason`; `PING word` -> `PONG word`.
while read -r word bytes sum; do
	case $word in
	PING) echo "PONG $bytes" ;;
	PUT)
		arrived=$(head -c "$bytes" | sha256sum)
		arrived=${arrived%% *}
		if [ "$arrived" != "$sum" ]; then
			echo "BAD digest: $arrived arrived"
			continue
		fi
		answer=$work/answer.$$
		yes 'the far end of a bootgate capsule' | head -c "$bytes" > "$answer"
		sum=$(sha256sum < "$answer")
		echo "OK $bytes ${sum%% *}"
		cat "$answer"
		rm -f "$answer"
		;;
	*) echo 'BAD command: PUT BYTES SHA256 or PING WORD' ;;
	esac
done
