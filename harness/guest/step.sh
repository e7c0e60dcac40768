#!/bin/busybox sh
# Runs step INDEX of the scenario: its own file under `set -eu`, so that the first command that fails fails the step.
. /bootgate/helpers.sh
. /bootgate/network.sh
. /bootgate/netfilter.sh
set -eu
. "/bootgate/scenario/step-$1.sh"
