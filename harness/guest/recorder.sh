#!/bin/busybox sh
# The only writer of records (README.md). Started once by init, so that a record costs no fork.
#
# Reads the nonce as its first line, then orders, one a line, words parted by tabs; answers each with `ok` when the record
# is on its way, so that a step never runs before its step-start is out.
# usage: recorder.sh uart|kmsg FILE [FOLDER [CONSOLE]]
#   TYPE KEY=VALUE ...            one record
#   :requests                     what modprobe.sh has noted since the last time
#   :output FILE                  the tail of a step's output
#   :unbound AT FILE...           devices without a driver, by their modalias files
#   :bound FILE...                bound devices, by /sys/bus/BUS/drivers/DRIVER/DEVICE/modalias
#   :modules  :memory  :taint
export LC_ALL=C
exec busybox awk -v channel="$1" -v out="$2" -v folder="${3:-/run/bootgate}" -v console="${4:-/dev/console}" '
# The seal of a record, as harness/vm/seal.ts has it: two polynomials at secret points, then HalfSipHash-2-4. awk has the
# 53 bits of a double and no rotations.
function table(    i) {
    for (i = 1; i < 256; i++) codeOf[sprintf("%c", i)] = i
    k0 = number(substr(nonce, 1, 8))
    k1 = number(substr(nonce, 9, 8))
    block[1] = 1
    half(1)
    r0 = s0 % 67108859
    r1 = s1 % 67108837
}
function number(hex,    i, n) {
    for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
    return n
}
# By 2^bits: the powers are written out, as an awk without libm has no `^`.
function rotated(n, up) { return (n * up) % 4294967296 + int(n * up / 4294967296) }
function rounds(count) {
    while (count-- > 0) {
        v0 = (v0 + v1) % 4294967296; v1 = xor(rotated(v1, 32), v0); v0 = rotated(v0, 65536)
        v2 = (v2 + v3) % 4294967296; v3 = xor(rotated(v3, 256), v2)
        v0 = (v0 + v3) % 4294967296; v3 = xor(rotated(v3, 128), v0)
        v2 = (v2 + v1) % 4294967296; v1 = xor(rotated(v1, 8192), v2); v2 = rotated(v2, 65536)
    }
}
# Of block[1..n], into s0 and s1.
function half(n,    i) {
    v0 = k0; v1 = xor(k1, 238); v2 = xor(1819895653, k0); v3 = xor(1952801890, k1)
    block[n + 1] = n * 4 * 16777216
    for (i = 1; i <= n + 1; i++) { v3 = xor(v3, block[i]); rounds(2); v0 = xor(v0, block[i]) }
    v2 = xor(v2, 238); rounds(4); s0 = xor(v1, v3)
    v1 = xor(v1, 221); rounds(4); s1 = xor(v1, v3)
}
function seal(text,    i, n, c, h, g) {
    n = length(text)
    h = g = 1
    for (i = 1; i <= n; i++) { c = codeOf[substr(text, i, 1)]; h = (h * r0 + c) % 67108859; g = (g * r1 + c) % 67108837 }
    block[1] = h; block[2] = g; block[3] = n
    half(3)
    # %x stops at 2^31.
    return sprintf("%04x%04x%04x%04x", s0 / 65536, s0 % 65536, s1 / 65536, s1 % 65536)
}
function encode(text,    i, c, result) {
    if (text !~ /[^!-$&-<>-~]/) return text
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        result = result (c ~ /[!-$&-<>-~]/ ? c : sprintf("%%%02X", codeOf[c]))
    }
    return result
}
function record(type, payload,    body) {
    body = ++seq " " type payload
    # One write each: the whole line is in the buffer when it is flushed. /dev/kmsg makes lines by itself; on a UART
    # the line brings its own beginning.
    printf "%s@bg2 %d %s %s%s\n", (channel == "kmsg" ? "<1>" : "\n"), seq, seal(body), type, payload > out
    fflush(out)
}
# A record of many pairs, cut so that none grows past 900 bytes.
function add(type, head, pair) {
    if (length(packed) + length(pair) > 780) flush(type, head)
    packed = packed " " pair
}
function flush(type, head) {
    if (packed != "") record(type, head packed)
    packed = ""
}
function pairOf(text,    at) {
    at = index(text, "=")
    return encode(substr(text, 1, at - 1)) "=" encode(substr(text, at + 1))
}
function requests(    line, n, word, head, before) {
    # STATUS TAB STEP TAB NAME a line; each is looked at once.
    while ((getline line < (folder "/requests")) > 0) {
        if (++n <= seen) continue
        seen++
        split(line, word, "\t")
        head = " step=" encode(word[2]) " status=" encode(word[1])
        if (head != before) flush("request", before)
        before = head
        add("request", head, "name=" encode(word[3]))
    }
    close(folder "/requests")
    flush("request", before)
    n = 0
    while ((getline line < (folder "/errors")) > 0)
        if (++n > complained && ++complained <= 50) record("load-error", " text=" encode(substr(line, 1, 250)))
    close(folder "/errors")
}
# The last 40 lines, and of those the last 3,000 bytes; they go to the console too, where a person looks first.
function output(file,    line, n, i, text) {
    while ((getline line < file) > 0) kept[n++ % 40] = line
    close(file)
    for (i = (n > 40 ? n - 40 : 0); i < n; i++) {
        line = substr(kept[i % 40], 1, 400)
        gsub(/[^ -~\t]/, "?", line)
        print "step| " line > console
        text = text kept[i % 40] "\n"
    }
    fflush(console)
    if (length(text) > 3000) text = substr(text, length(text) - 2999)
    for (i = 1; i <= length(text); i += 250) record("output", " text=" encode(substr(text, i, 250)))
}
function firstLine(file,    line) {
    line = ""
    getline line < file
    close(file)
    return line
}
# A modalias file, or the uevent of a bus that has no such file.
function aliasIn(file,    line, alias) {
    if (file !~ /\/uevent$/) return firstLine(file)
    alias = ""
    while ((getline line < file) > 0) if (sub(/^MODALIAS=/, "", line)) alias = line
    close(file)
    return alias
}
function unbound(n, word,    i, alias, device, told) {
    for (i = 3; i <= n; i++) {
        alias = aliasIn(word[i])
        if (alias == "") continue
        device = word[i]
        # Firmware tables describe the same thing over and over (sixteen interrupt links): the first stands for all.
        if (device ~ /^\/sys\/bus\/acpi\// && told[alias]++) continue
        sub(/^\/sys\//, "", device)
        sub(/\/(modalias|uevent)$/, "", device)
        # A cpu lists every feature it has; 300 bytes are enough to know it by.
        add("unbound", " at=" word[2], encode(device) "=" encode(substr(alias, 1, 300)))
    }
    if (packed == "") record("unbound", " at=" word[2])
    flush("unbound", " at=" word[2])
}
function bound(n, word,    i, part, count, driver) {
    for (i = 2; i <= n; i++) {
        split(word[i], part, "/")
        count[part[6]]++
    }
    for (driver in count) add("bound", "", encode(driver) "=" count[driver])
    flush("bound", "")
}
function modules(    line, word) {
    while ((getline line < "/proc/modules") > 0) {
        split(line, word, " ")
        add("module", "", word[1] "=" word[2])
    }
    close("/proc/modules")
    flush("module", "")
}
function memory(    line, word, kib, bytes) {
    while ((getline line < "/proc/meminfo") > 0) { split(line, word, /:? +/); kib[word[1]] = word[2] }
    close("/proc/meminfo")
    while ((getline line < "/proc/modules") > 0) { split(line, word, " "); bytes += word[2] }
    close("/proc/modules")
    record("memory", sprintf(" modules=%.0f used=%.0f total=%.0f", bytes, 1024 * (kib["MemTotal"] - kib["MemFree"] \
        - kib["Buffers"] - kib["Cached"] - kib["SReclaimable"]), 1024 * kib["MemTotal"]))
}
BEGIN { FS = "\t"; getline nonce; table() }
{
    if ($1 == ":requests") requests()
    else if ($1 == ":output") output($2)
    else if ($1 == ":modules") modules()
    else if ($1 == ":memory") memory()
    else if ($1 == ":taint") record("taint", " flags=" encode(firstLine("/proc/sys/kernel/tainted")))
    else if ($1 == ":unbound" || $1 == ":bound") {
        n = split($0, words, "\t")
        if ($1 == ":bound") bound(n, words)
        else unbound(n, words)
    } else {
        payload = ""
        # `end` says how many records there are, itself included; only we know.
        if ($1 == "end") payload = " records=" (seq + 1)
        for (i = 2; i <= NF; i++) payload = payload " " pairOf($i)
        record($1, payload)
    }
    print "ok"
    fflush()
}'
