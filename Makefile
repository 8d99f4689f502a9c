# telegraf-ipvs: "make help" lists the targets.

export CGO_ENABLED := 0
GO       ?= go
SECONDS  ?= 20
FUZZTIME ?= 60s
KERNEL   ?= 6.1

BIN    := bin/telegraf-ipvs
GUEST  := .cache/guest
SUM    := $(GO) tool gotestsum --format pkgname
# What needs a kernel with IPVS runs in a guest; with "make live WHERE=namespace"
# in a network namespace of this machine. "make run" chooses by itself.
IN     := $(CURDIR)/$(GUEST)
WHERE  ?= qemu

# Packages with tests that need that kernel, and those that start guests themselves.
LIVE   := ./internal/ipvs ./internal/scenario ./cmd/telegraf-ipvs

.DEFAULT_GOAL := help
.PHONY: help build run test soak test-deps unit fuzz-short live guest-test test-kernels check lint fuzz bench vulncheck capture deb deps clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(BIN) ## build bin/telegraf-ipvs, a static binary

$(BIN): FORCE
	$(GO) build -trimpath -ldflags=-s -buildvcs=auto -o $@ ./cmd/telegraf-ipvs

$(GUEST): FORCE
	@$(GO) build -o $@ ./internal/guest

.cache/%: FORCE
	@$(GO) build -o $@ ./internal/$*

deb: build ## build a Debian package in .cache; GOARCH=arm64 makes one for that machine
	@GOARCH= GOARM= $(GO) run ./internal/packaging -binary $(BIN) -out .cache $(if $(VERSION),-version $(VERSION))

run: deps build $(GUEST) .cache/demo ## balance real traffic for SECONDS, and deliver what IPVS tells of it to a PI Web API
	@.cache/demo -host $(CURDIR)/$(BIN) -- $(IN) -timeout 10m -add $(BIN) .cache/demo -seconds $(SECONDS) $(CURDIR)/$(BIN)

test: deps test-deps lint unit fuzz-short live guest-test ## run every test, on kernel 6.1

# Tests that run beside each other wait most of the time, so there are more of them than cores.
unit:
	@echo "== unit tests"
	@CGO_ENABLED=$(RACE) $(SUM) -- $(if $(filter 1,$(RACE)),-race) -count=1 -parallel 4 ./...
	@echo "== allocations, which the race detector would add to"
	@$(SUM) -- -run Alloc ./internal/ipvs ./internal/metric ./internal/opentsdb ./plugins/inputs/ipvs ./plugins/outputs/opentsdb

soak: ## kill and restart publishers for some minutes
	@SOAK=1 CGO_ENABLED=$(RACE) $(GO) test $(if $(filter 1,$(RACE)),-race) -count=1 -timeout 30m -run 'Chaos|Kill|Crash|WriteModel' -v ./cmd/telegraf-ipvs ./internal/piwebapi ./internal/queue ./internal/publish

# The race detector needs a C compiler.
RACE := $(if $(shell command -v gcc || command -v clang),1,0)

fuzz-short:
	@echo "== fuzzing, 5000 inputs for each target"
	@$(MAKE) --no-print-directory fuzz FUZZTIME=5000x

live: $(GUEST) ## run the tests that need IPVS on the kernel KERNEL
	@echo "== tests on a kernel with IPVS ($(KERNEL))"
	@$(SUM) -- -count=1 -tags integration -run Live -exec '$(IN) -add $(CURDIR)/testdata/scenarios -where $(WHERE)$(if $(filter qemu,$(WHERE)), -kernel $(KERNEL))' $(LIVE)

guest-test:
	@echo "== tests of the guest itself, and of the systemd unit in it"
	@$(SUM) -- -count=1 -tags integration ./internal/guest
	@$(SUM) -- -count=1 -tags integration -run ReadsIPVS ./internal/packaging

test-kernels: deps $(GUEST) ## run those tests on the kernels 6.1, 6.12 and 7.2
	@for k in 6.1 6.12 7.2; do $(MAKE) --no-print-directory live KERNEL=$$k || exit 1; done

check: RACE := 1
check: lint unit ## gofmt, vet, staticcheck, race detector, import floors

lint:
	@echo "== gofmt, vet, staticcheck"
	@bad=$$(gofmt -l cmd internal plugins); if [ -n "$$bad" ]; then echo "not gofmt'd: $$bad"; exit 1; fi
	@GOARCH=386 $(GO) build -o /dev/null ./cmd/telegraf-ipvs
	@for tags in none integration bench; do $(GO) vet -tags $$tags ./... && $(GO) tool staticcheck -tags $$tags ./... || exit 1; done

fuzz: ## fuzz every parser for FUZZTIME each, such as 10m or 100000x
	@cache=$$($(GO) env GOCACHE)/fuzz; binary=$(CURDIR)/.cache/fuzz.test; \
	$(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... | while read -r package dir; do \
	  targets=$$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' $$dir/*_test.go); \
	  [ -n "$$targets" ] || continue; \
	  $(GO) test -c -fuzz=Fuzz -o $$binary $$package && cd $$dir || exit 1; \
	  for target in $$targets; do \
	    out=$$($$binary -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) -test.fuzzminimizetime 1x -test.fuzzcachedir $$cache/$$package 2>&1) \
	      && echo "$$package $$target: well $$(echo "$$out" | grep -o 'execs: [0-9]*' | tail -n 1)" \
	      || { echo "$$out"; exit 1; }; \
	  done || exit 1; cd - >/dev/null; \
	done

bench: deps build $(GUEST) ## measure gathers on a real kernel, and deliveries, beside their peers
	@$(GO) test -run '^$$' -bench . -benchmem ./internal/metric ./internal/ipvs ./internal/opentsdb | grep -E '^(pkg|cpu|Benchmark)'
	@$(GO) test -c -tags bench -o .cache/bench.test ./internal/bench
	@TELEGRAF_IPVS=$(CURDIR)/$(BIN) .cache/bench.test -test.run Publish -test.timeout 60m
	@TELEGRAF_IPVS=$(CURDIR)/$(BIN) .cache/bench.test -test.run OpenTSDB -test.timeout 60m
	@$(IN) -where qemu -mem 3072 -timeout 30m -add $(BIN) -env TELEGRAF_IPVS=$(CURDIR)/$(BIN) .cache/bench.test -test.run 'Readers|Process' -test.v -test.timeout 30m | grep -v '^=== '

capture: deps $(GUEST) ## record netlink messages of each kernel in testdata/netlink
	@$(GO) test -c -tags integration -o .cache/ipvs.test ./internal/ipvs
	@cd internal/ipvs; for k in 6.1 6.12 7.2; do mkdir -p ../../testdata/netlink/$$k; $(IN) -kernel $$k -out ../../testdata/netlink/$$k ../../.cache/ipvs.test -test.run 'LiveEveryKind|LiveTraffic' -test.v || exit 1; done

vulncheck: ## look up known vulnerabilities (needs vuln.go.dev)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@latest ./...

# What the tests and "make run" need beyond Go, as COMMAND:PACKAGE.
NEEDS := qemu-system-x86_64:qemu-system-x86 modprobe:kmod ip:iproute2 ipvsadm:ipvsadm xz:xz-utils dpkg-deb:dpkg apt-get:apt

deps:
	@$(call install,$(NEEDS))

# What the tests need besides: a KDC, and a server that takes its tickets; systemd, and what prints man pages.
TEST_NEEDS := krb5kdc:krb5-kdc kadmin.local:krb5-admin-server kinit:krb5-user apache2:apache2 /usr/lib/apache2/modules/mod_auth_gssapi.so:libapache2-mod-auth-gssapi \
	systemd-analyze:systemd man:man-db groff:groff-base

test-deps:
	@$(call install,$(TEST_NEEDS))

# Installs what is missing of COMMAND:PACKAGE. No service that comes with it is started.
define install
	missing=""; for n in $(1); do \
	  PATH="$$PATH:/usr/sbin:/sbin" command -v $${n%%:*} >/dev/null || [ -e $${n%%:*} ] || missing="$$missing $${n##*:}"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then \
	    echo "== installing$$missing"; policy=/usr/sbin/policy-rc.d; \
	    if [ ! -e $$policy ]; then printf '#!/bin/sh\nexit 101\n' >$$policy; chmod 755 $$policy; trap "rm -f $$policy" EXIT; fi; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null; \
	  else echo "please install what is missing: sudo apt-get install$$missing" >&2; exit 1; fi; fi
endef

clean: ## remove what was built
	rm -rf bin .cache

FORCE:
