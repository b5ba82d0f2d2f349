# Two commands: `make lab` opens the course, `make test` runs everything. See `make help`.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
GUEST := .lab
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
  command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PACKAGES := $(shell cat tests/system-packages.txt) $(shell command -v node >/dev/null || echo nodejs)
LAB_ARGS ?=
PYTEST := $(BIN)/python -m pytest

.PHONY: help lab test lint unit notebooks-test system bench wheel execute clean
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found. On Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -y -qq python3-venv >/dev/null; } || \
	  { echo "python3-venv is needed: sudo apt-get install -y python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.lab: $(VENV)/.python pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check -e '.[lab,export]'
	@touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@

lab: $(VENV)/.lab  ## open the course in JupyterLab; LAB_ARGS="--no-browser --port=8899" passes arguments on
	$(BIN)/jupyter lab --notebook-dir=notebooks $(if $(shell [ "$$(id -u)" = 0 ] && echo root),--allow-root) $(LAB_ARGS)

system:  ## install the programs that the tests need (as root), or print the one command that does
	@missing=$$(for p in $(PACKAGES); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "Some programs are missing. Run:"; echo "  sudo apt-get install -y --no-install-recommends" $$missing; exit 1; fi

$(GUEST)/initramfs.cpio.gz: tests/e2e/build_guest.sh tests/e2e/guest_init.sh
	tests/e2e/build_guest.sh $(GUEST)

test: system $(VENV)/.test $(GUEST)/initramfs.cpio.gz lint unit notebooks-test  ## everything: unit, golden, doctest, JavaScript, browser, real kernel, notebooks

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.test
	node --test tests/js/
	$(PYTEST) -n 2 --dist loadfile -q

notebooks-test: $(VENV)/.test
	$(PYTEST) -q -n 2 --dist loadfile --nbval --nbval-current-env --nbval-sanitize-with tests/sanitize.cfg notebooks/

execute: $(VENV)/.test  ## run the notebooks again and keep their outputs
	$(BIN)/python notebooks/execute.py

bench: $(VENV)/.test  ## measure speed
	$(PYTEST) tests/bench --benchmark-columns=min,median,max -q --override-ini addopts=

wheel: $(VENV)/.test
	$(BIN)/pip wheel -q --no-deps -w dist .

clean:
	rm -rf $(VENV) $(GUEST) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
