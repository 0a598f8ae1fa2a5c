.DEFAULT_GOAL := help
.PHONY: help setup rootfs demo experiments experiments-quick bench chaos soak fuzz report test lint lock clean-host

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
PYTHON := .venv/bin/python

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what this machine lacks: Debian packages and .venv
	@scripts/setup

rootfs: setup ## build or refresh the template; SUITE=, MIRROR=, BASE= choose another base
	@$(SUDO) env SUITE="$(SUITE)" MIRROR="$(MIRROR)" BASE="$(BASE)" rootfs/build

demo: rootfs ## everything, from nothing to the report of a real ramp; RUN="--peak 20" changes the load
	@$(SUDO) $(PYTHON) -m experiments run ramp --repeat 1 $(RUN)
	@$(PYTHON) -m report

experiments: rootfs ## the whole set of experiments, under an hour; it can be interrupted and goes on where it was
	@$(SUDO) $(PYTHON) -m experiments all

experiments-quick: rootfs ## the same experiments in their short forms, under ten minutes
	@$(SUDO) $(PYTHON) -m experiments all --quick

bench: rootfs ## the benchmarks, about 25 minutes; BENCH="--only change" or --quick makes it less
	@$(SUDO) $(PYTHON) -m experiments bench $(BENCH)

chaos: rootfs ## ten minutes of random faults under load, and a verdict; CHAOS="--seed 7" makes the same ones again
	@$(SUDO) $(PYTHON) -m experiments chaos $(CHAOS)

soak: rootfs ## a thousand starts, stops and reloads, then an hour of load: does anything leak? SOAK="--duration 600"
	@$(SUDO) $(PYTHON) -m experiments leaks
	@$(SUDO) $(PYTHON) -m experiments soak $(SOAK)

fuzz: setup ## ten CPU-minutes on each parser, two hours in all; FUZZ="trace --seconds 60" or "all --jobs 2" change it
	@$(PYTHON) -m tests.fuzz $(or $(FUZZ),all)

report: setup ## make report/report.pdf from results/
	@$(PYTHON) -m report

test: rootfs lint ## all tests: side by side those that need no host, then one by one those on real containers
	@$(SUDO) $(PYTHON) -m pytest -n auto -m "not host and not long"
	@$(SUDO) $(PYTHON) -m pytest -m "host and not long"

lint: setup ## ruff and strict mypy
	@.venv/bin/ruff check .
	@.venv/bin/mypy

lock: ## renew the lock files from requirements.in; needs uv
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --upgrade requirements.in -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links webapp/requirements.in -c requirements.lock -o webapp/requirements.lock

clean-host: setup ## remove every container, mount, bridge and process that this project made here
	@$(SUDO) $(PYTHON) -m controller.clean
