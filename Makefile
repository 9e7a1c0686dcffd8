SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help up first-look down build test test-all test-races test-guard chaos fuzz lint bench instructions packages test-packages

RUN_PACKAGES := postgresql mosquitto mosquitto-clients libpq-dev libmosquitto-dev mosquitto-dev libssl-dev liblz4-dev zlib1g-dev libcurl4-openssl-dev openssl ca-certificates pkg-config curl
TEST_PACKAGES := chromium chromium-driver python3-selenium prometheus python3-aiosmtpd libnss-wrapper

# Devices that the simulated fleet of `make up` has; 0 for none.
export DEVICES ?= 50

# Suites without Postgres and broker, run under Thread Sanitizer.
RACE_SUITES ?= AggregatesTests|RuntimeTests|OverheatingTests|SilenceTests|RolloutDriverTests|RolloutTogetherTests|DueTimersTests|AddressPolicyTests|RetryScheduleTests|WebhookSignatureTests
# The last are pure and long: nothing can race in them, and they keep the processors from those that wait.
RACE_SUITES_NOT ?= Postgres|LISTEN|SnapshotThinningTests|RecentCommandsTests|RolloutProperties|SimulationTests

# Each of these loads two cores on its own; beside each other they would run into each other's time limits.
HEAVY_SUITES := RuntimeTests|WorkflowsTests|GatewayTests|EndToEndTests

# One run of the tests at a time on a machine, whoever starts it: they measure time limits, and two cores are few.
# A lock on a folder that everybody may read, released by the kernel when the run ends.
ONE_AT_A_TIME := flock --close /var/tmp

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: first-look build ## install what is missing, build, run the server with its own Postgres and broker
	@exec .build/release/fleetlog up

# Of a folder where nothing was built and nothing has run.
first-look:
	@[ -e .build/release/fleetlog ] || [ -e .fleetlog ] || scripts/ports-are-free

down: ## stop the server of this folder, and what a killed one left running
	@scripts/down .fleetlog

build: packages ## release build
	@echo "==> Building (the first time takes some minutes)"
	swift build -c release --product BrokerGuard
	swift build -c release --product fleetlog

test: test-packages lint test-races test-guard test-all ## everything that must pass before a change is taken

test-all: ## all tests, against a real Postgres, broker and browser
	@echo "==> Testing"
	$(ONE_AT_A_TIME) swift build --build-tests
	$(ONE_AT_A_TIME) scripts/swift-test --skip-build --skip '$(HEAVY_SUITES)'
	for suites in $(subst |, ,$(HEAVY_SUITES)); do $(ONE_AT_A_TIME) scripts/swift-test --skip-build --filter "$$suites"; done

test-races: ## the tests that need no server, under Thread Sanitizer
	@echo "==> Testing for data races"
	TSAN_OPTIONS=suppressions=$(CURDIR)/scripts/tsan-suppressions FLEETLOG_PACKAGE=core \
	    $(ONE_AT_A_TIME) scripts/swift-test --sanitize thread -Xswiftc -DSANITIZE_THREAD \
	    --scratch-path .build-tsan \
	    --filter '$(RACE_SUITES)' --skip '$(RACE_SUITES_NOT)'

# Seconds for which each test of chaos goes on. FLEETLOG_CHAOS_SEED repeats a run's chances.
CHAOS_SECONDS ?= 60

chaos: test-packages ## break servers, Postgres, connections, disk and clocks for CHAOS_SECONDS, then prove the log
	@echo "==> Breaking what can break"
	$(ONE_AT_A_TIME) swift build --build-tests
	FLEETLOG_CHAOS_SECONDS=$(CHAOS_SECONDS) FLEETLOG_SIMULATION_SCHEDULES=$$(($(CHAOS_SECONDS) * 100)) \
	    $(ONE_AT_A_TIME) scripts/swift-test --skip-build --filter 'SimulationTests'
	FLEETLOG_CHAOS_SECONDS=$(CHAOS_SECONDS) $(ONE_AT_A_TIME) scripts/swift-test --skip-build \
	    --filter 'PostgresContentionTests|PostgresConnectionCutTests'
	FLEETLOG_CHAOS_SECONDS=$(CHAOS_SECONDS) $(ONE_AT_A_TIME) scripts/swift-test --skip-build \
	    --filter 'ChaosTests|ContendingServersTests|FailoverTests|KilledServerTests'

test-guard: ## what the broker's guard decides, and hostile input to it for seconds, under Address Sanitizer
	@echo "==> Testing the broker's guard"
	@scripts/fuzz 3

# Seconds for which each fuzzer goes on.
FUZZ_SECONDS ?= 60

fuzz: test-packages ## hostile messages and names for the broker's guard, under Address Sanitizer, for FUZZ_SECONDS each
	@echo "==> Fuzzing"
	@scripts/fuzz $(FUZZ_SECONDS)

lint: ## format, and imports in the direction of the modules
	@echo "==> Checking format"
	swift format lint --strict --recursive Package.swift Sources Tests Benchmarks Migrations
	@echo "==> Checking imports"
	swift build --build-tests --explicit-target-dependency-import-check error

bench: build ## the benchmarks, each beside its ceiling; results in Benchmarks/RESULTS.md
	@echo "==> Measuring"
	@exec .build/release/fleetlog bench all --write Benchmarks/RESULTS.md

instructions: packages ## instructions of an appended and of a read event, beside Benchmarks/INSTRUCTIONS.md
	@scripts/packages valgrind binutils
	swift build -c release --product PureWorkload
	@scripts/instructions

packages:
	@scripts/packages $(RUN_PACKAGES)

test-packages:
	@scripts/packages $(RUN_PACKAGES) $(TEST_PACKAGES)
