# The two commands that matter: `make run` (set up, then boot the default image) and `make test` (set up, then check everything).
IMAGE ?= images/debian-2014.yaml
ARGS  ?=
BOOTGATE = node dist/cli/main.js
SOURCES := $(shell find harness -name '*.ts' -not -name '*.test.ts' 2>/dev/null)

.PHONY: run test test-all test-kvm soak check bench container mutate fuzz setup tools build unit lint types clean hooks

run: setup
	$(BOOTGATE) run --image $(IMAGE) $(ARGS)

# Everything: the fast checks first, then the tests that boot real kernels.
test: setup check
	npx tap --jobs=1 $(TAP_ARGS) $$(find harness -name '*boot.test.ts' | sort)

# What takes longer: every regression and take-away, then each scenario of the library once with the full module tree.
test-all: export BOOTGATE_ALL = 1
test-all: export BOOTGATE_WIDE = 1
test-all: test
	$(BOOTGATE) run --tag quick wide --image debian $(ARGS)

# The fast part. The four run side by side.
check: setup
	@$(MAKE) --no-print-directory -j4 --output-sync=target lint types unit

lint:
	npx biome ci --error-on-warnings harness package.json tsconfig.json biome.json

types:
	npx tsc --noEmit --incremental false -p tsconfig.json

unit:
	npx tap $(TAP_ARGS) $$(find harness -name '*.test.ts' -not -name '*boot.test.ts' | sort)

bench: setup
	node dist/bench/main.js $(ARGS)

# Images bootgate:worker (Node and QEMU, no more) and bootgate:runner (with the guests' tools), by podman or docker.
container:
	@engine=$$(command -v podman || command -v docker) || { echo 'make container: neither podman nor docker is installed' >&2; exit 3; }; \
	for stage in worker runner; do \
	  $$engine build -f harness/setup/Containerfile --target $$stage -t bootgate:$$stage . || exit; \
	done

# Takes away what each scenario needs, one module at a time: ARGS='storage filesystems --limit 40'.
mutate: setup
	$(BOOTGATE) mutate $(ARGS)

# Changed inputs for every reader of what others wrote: inputs that end in anything but an answer or the user's blame fail.
SECONDS = 600
fuzz: setup
	node dist/fuzz/main.js --seconds $(SECONDS) $(if $(N),--inputs $(N)) $(if $(SEED),--seed $(SEED)) $(ARGS)

# The same verdicts under a real KVM as under emulation: on this machine's KVM, else on that of a machine with an emulated
# processor (slow). ARGS='storage filesystems/ext4'.
test-kvm: setup
	node dist/kvm/main.js $(ARGS)

# Boots under faults: guests and bootgate killed and stopped, disks full, a slow host. SEED=... plays the same dice again. Needs root.
soak: setup
	node dist/soak/main.js $(if $(N),--boots $(N)) $(if $(SEED),--seed $(SEED)) $(ARGS)

# Set-up. Doing it twice costs seconds: each step looks first.
setup: tools node_modules/.package-lock.json dist/.tsbuildinfo

tools:
	@$(if $(WIDE),BOOTGATE_WIDE=1) $(if $(TARGETS),BOOTGATE_TARGETS='$(TARGETS)') sh harness/setup/system-tools.sh

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

dist/.tsbuildinfo: node_modules/.package-lock.json tsconfig.json $(SOURCES)
	npx tsc -p tsconfig.json
	@chmod +x dist/cli/main.js
	@touch $@

build: dist/.tsbuildinfo

clean:
	rm -rf dist .tap
