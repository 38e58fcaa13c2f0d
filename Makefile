# `make demo` shows the product, `make test` proves it; both set up what they need.
PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# Another Python, or a changed lock, makes the environment anew.
STAMP := $(VENV)/.installed-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
# TensorFlow is two gigabytes: only what trains networks puts it into the environment.
KERAS_STAMP := $(STAMP)-keras
# MetaTF goes with one TensorFlow, and its licence is to be accepted by whoever installs it.
AKIDA := .venv-akida

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## say what there is (the default)
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: demo
demo: $(STAMP) ## the whole product on one screen; ARGS="--csv FILE" for your own data
	@$(BIN)/trainerd demo $(ARGS)

.PHONY: demo-keras
demo-keras: $(KERAS_STAMP) ## a network that reads digits, from the command to the C array
	@$(BIN)/trainerd demo --keras $(ARGS)

.PHONY: test
test: $(KERAS_STAMP) system-packages ## the whole suite; ARGS="-k name" for a part
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

.PHONY: test-akida
test-akida: $(AKIDA)/.installed system-packages ## Akida variants, with MetaTF in an environment of its own: read its licence first
	$(AKIDA)/bin/python -m pytest -m metatf tests/akida $(ARGS)

.PHONY: check
check: $(STAMP) system-packages ## style, types, layers, warnings of the generated C
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.asyncapi --check
	$(BIN)/python -m scripts.check_c_warnings

.PHONY: bench
bench: $(KERAS_STAMP) system-packages ## print the figures beside what they are held against
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-mcu
bench-mcu: $(KERAS_STAMP) system-packages ## instructions and bytes on emulated microcontrollers
	$(BIN)/python -m hw_tests.bench
	$(BIN)/python -m hw_tests.bench_networks $(ARGS)
	$(BIN)/python -m hw_tests.bench_core
	$(BIN)/python -m hw_tests.bench_deploy
	$(BIN)/python -m hw_tests.bench_firmware
	$(BIN)/python -m hw_tests.bench_flashing

.PHONY: campaign
campaign: $(KERAS_STAMP) system-packages ## try to break it, at length: kill points, random kills, bad networks and clocks, a fuzzer
	$(BIN)/python -m pytest -m "campaign or misfortune" $(ARGS)

.PHONY: asyncapi
asyncapi: $(STAMP) ## write docs/asyncapi.json anew, after a change of routes, bodies or topics
	$(BIN)/python -m scripts.asyncapi

.PHONY: lock
lock: ## resolve the dependencies anew for every Python; ARGS=--upgrade for newer ones
	bash scripts/lock.sh $(PYTHON) $(ARGS)

.PHONY: venv
venv: $(STAMP) ## only make the environment, in .venv

.PHONY: venv-keras
venv-keras: $(KERAS_STAMP) ## the same with TensorFlow

.PHONY: clean
clean: ## remove what was made here
	rm -rf $(VENV) $(AKIDA) .venv-lock build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: system-packages
system-packages:
	@bash scripts/system-packages.sh test

$(STAMP): $(wildcard locks/py3??.txt) pyproject.toml scripts/venv.sh
	@bash scripts/venv.sh $(PYTHON) $(VENV)
	@touch $@

$(KERAS_STAMP): $(STAMP) $(wildcard locks/*-keras.txt)
	@bash scripts/venv.sh $(PYTHON) $(VENV) -keras
	@touch $@

$(AKIDA)/.installed: $(wildcard locks/*-akida.txt) pyproject.toml scripts/venv.sh
	@echo "Installs BrainChip's akida, which comes under a licence of BrainChip's own: docs/akida.md"
	@bash scripts/venv.sh $(PYTHON) $(AKIDA) -akida
	@touch $@
