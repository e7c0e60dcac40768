#!/bin/busybox sh
# Runs step INDEX of the scenario: its own file under `set -eu`, so that the first command that fails fails the step.
# usage: step.sh INDEX [looks]; `looks`: the step looks at module files itself.
# Real programs that an applet of this shell would hide (ip): busybox looks at its applets before PATH.
. ./programs.sh
. ./helpers.sh
. ./network.sh
. ./netfilter.sh
. ./links.sh
. ./blocks.sh
if [ "${2:-}" = looks ]; then
	. ./materialise.sh
	show_files "./step-$1.sh"
	exec 5>&-
fi
# Helpers of the user's own project.
[ ! -e ./own.sh ] || . ./own.sh
set -eu
# The file begins with `cd /`.
. "./step-$1.sh"
