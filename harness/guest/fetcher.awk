# Copies module files out of the module window: a region of physical memory, kept from the kernel by memmap=, in which all
# module files of the tree lie. Started once by init: only it can read that memory, and it does one thing at a time, so
# that nobody sees half a file.
#
# Reads orders, one a line, from those who need files (materialise.sh):
#   FIFO + PATH...    below /lib/modules/RELEASE; more of this order follows
#   FIFO . PATH...    the end of the order: answered in FIFO when the files and all that modules.dep says they need are there,
#                     with `again` when one of the new ones has soft dependencies, which modules.dep does not have
# usage: busybox awk -v folder=/lib/modules/RELEASE -v window=ADDRESS -f fetcher.awk
function need(path,    i, n, part, name) {
    if (!(path in place) || (path in here)) return
    here[path] = 1
    n = split(dep[path], part, " ")
    for (i = n; i > 0; i--) need(part[i])
    name = path
    sub(/.*\//, "", name)
    sub(/\.ko.*/, "", name)
    gsub(/-/, "_", name)
    if (name in soft) again = 1
    # Not a temporary name and a rename: a placeholder may stand here (show_files), and somebody may have it open.
    split(place[path], part, " ")
    copies = copies sprintf("copy of=\"%s/%s\" skip=%.0f count=%s\n", folder, path, window + part[1], part[2])
    sub(/\/[^\/]*$/, "", path)
    if (!(path in made)) {
        made[path] = 1
        folders = folders " \"" folder "/" path "\""
    }
}
BEGIN {
    # The programs that are started here and not by name: what has a name, a step can change.
    # A shell that runs its applets without PATH does so without a new program, in a third of the time.
    shell = "exec ./busybox sh"
    print "PATH=/nonexistent; dd=dd; dd --help > /dev/null 2>&1 || dd=\"./busybox dd\"" | shell
    print "copy() { $dd if=/proc/$$/fd/6 bs=64k iflag=skip_bytes,count_bytes \"$@\" 2> /dev/null; }" | shell
    fflush(shell)
    while ((getline line < (folder "/modules.dep")) > 0) {
        i = index(line, ":")
        dep[substr(line, 1, i - 1)] = substr(line, i + 2)
    }
    while ((getline line < "/bootgate/window") > 0) {
        i = index(line, " ")
        place[substr(line, 1, i - 1)] = substr(line, i + 1)
    }
    while ((getline line < (folder "/modules.softdep")) > 0) {
        split(line, word, " ")
        gsub(/-/, "_", word[2])
        if (word[1] == "softdep") soft[word[2]] = 1
    }
}
$1 ~ /^[a-z0-9.]+$/ {
    for (i = 3; i <= NF; i++) need($i)
    if (again) repeat[$1] = 1
    again = 0
    if (folders != "") printf "./busybox mkdir -p%s\n", folders | shell
    printf "%s", copies | shell
    if ($2 == ".") {
        # Opened for both: never waits for a reader. A link may lead to whatever a step likes.
        answer = ($1 in repeat) ? "again" : "done"
        printf "[ ! -h /run/bootgate/%s ] && [ -p /run/bootgate/%s ] && echo %s 1<> /run/bootgate/%s\n", $1, $1, answer, $1 | shell
        delete repeat[$1]
    }
    folders = copies = ""
    fflush(shell)
}
