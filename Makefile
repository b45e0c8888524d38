# make run    the gateway and its sandbox, on this machine, nothing else needed
# make test   everything that judges the code: lint, types, unit, property, end to end
# make help   the rest
SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON ?= $(shell .ci/find-python)
BIN := $(VENV)/bin
TESTS ?= tests
PYTEST_ARGS ?=
# Two for each core, for half of its time a test waits; eight at most, each has a browser.
PROCESSES ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n > 4 ? 8 : 2 * n)))

# Without compiled files each process of the tests compiles the gateway anew, and pytest its asserts.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test suite lint collected demo bench sabotage torture leaks clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready ## only .venv, with the command .venv/bin/card-gateway

$(VENV)/.ready: pyproject.toml $(wildcard requirements/*.txt)
	@test -n "$(PYTHON)"
	@echo "setting up $(VENV) with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv --clear $(VENV)
	@pins=$$($(BIN)/python -c 'import sys; print("3.11" if sys.version_info < (3, 12) else "3.12")'); \
	 $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	   -c requirements/python-$$pins.txt -e '.[test]'
	@touch $@

run: setup ## gateway and sandbox; prints what to try
	@exec $(BIN)/card-gateway run --sandbox

demo: setup ## the whole story in a terminal; fails if a card number was found anywhere
	@$(BIN)/card-gateway demo

lint: setup ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup ## everything
	@$(MAKE) --no-print-directory -j 2 lint collected
	@$(MAKE) --no-print-directory suite

# Once beside lint, which is one process, instead of in each process of the tests: compiling what is
# imported, and reading it for the numbers that hypothesis tries. What is wrong with it the suite tells.
collected: setup
	@$(BIN)/python -m pytest --collect-only -qq $(TESTS) >/dev/null 2>&1 || true

suite: setup ## the tests alone; TESTS=tests/e2e for some of them
	$(BIN)/python -m pytest -rs -n $(PROCESSES) --dist loadfile --no-loadscope-reorder \
	  $(TESTS) $(PYTEST_ARGS)

bench: setup ## CPU per request beside stock mitmdump, cost per card, the vault beside raw drivers, event loop
	@$(BIN)/python -m bench

sabotage: setup ## breaks the product in over five hundred places; each must turn the suite red
	@$(BIN)/python -m tests.sabotage

torture: setup ## 1,000 rounds on each store: what writes to a vault is killed at random
	@$(BIN)/python -m tests.vault.torture --rounds 1000 --store both

clean: ## removes .venv and caches; keeps state/ (vault and keys)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
