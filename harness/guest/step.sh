#!/bin/busybox sh
# Runs step INDEX of the scenario: its own file under `set -eu`, so that the first command that fails fails the step.
# Real programs that an applet of this shell would hide (ip): busybox looks at its applets before PATH.
. /bootgate/programs.sh
. /bootgate/helpers.sh
. /bootgate/network.sh
. /bootgate/netfilter.sh
. /bootgate/links.sh
. /bootgate/blocks.sh
set -eu
. "/bootgate/scenario/step-$1.sh"
