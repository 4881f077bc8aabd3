# Everything a person or a machine does with this repository. Needs python3 >= 3.11, make and a package registry.
#
#   make demo            watch it work        make test     the suite
#   make check           every static check   make bench    measured claims
#
# Another interpreter: make venv PYTHON=python3.12 VENV=.venv-3.12

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TESTS ?= tests
PYTEST_ARGS ?=
PAPERS ?=
# Empty where the tests that are run want none.
SERVERS ?= servers
# One more than there are cores, because many tests wait for processes of their own; WORKERS=0 to debug.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
WORKERS ?= $(shell echo $$(( $(CORES) < 4 ? $(CORES) + 1 : 5 )))
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PYTHONUTF8 := 1
# Compiled once and kept, also where the surroundings want nothing kept (many containers do): the suite starts hundreds
# of processes, and each would compile everything that it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z0-9.-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: venv
venv: $(STAMP) ## Build the virtual environment (nothing to do when it is current)

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || { \
	  echo "pmsbridge needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo not there)." >&2; \
	  echo "Name another one: make venv PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: demo
demo: $(STAMP) ## Play a tenant's day against the SiteLink sandbox (as one JSON object: DEMO_ARGS=--json)
	@$(BIN)/pmsbridge demo $(DEMO_ARGS)

.PHONY: servers
servers: $(STAMP) ## Install the servers that some tests want (nothing to do when they are there)
	@tools/servers.sh $(BIN)/python

.PHONY: test
test: $(STAMP) $(SERVERS) ## Run the test suite
	@tools/in_memory.sh $(PYTEST) $(TESTS) $(PYTEST_ARGS)

.PHONY: coverage
coverage: $(STAMP) ## Run the suite and report branch coverage
	@$(PYTEST) $(TESTS) --cov --cov-report=term $(PYTEST_ARGS)

.PHONY: venv-matrix
venv-matrix: ## Build the virtual environments of every other Python found
	@tools/test_matrix.sh install

.PHONY: test-matrix
test-matrix: $(STAMP) ## Unit and contract tests on every other Python found
	@tools/test_matrix.sh

.PHONY: test-prism
test-prism: $(STAMP) ## The mapping of Buildium against Prism, which is installed once (needs node, and the vendor's document)
	@if ! $(BIN)/python -m tests.prism.present; then exit 0; \
	  elif program=$$(tools/prism.sh); then PRISM="$$program" $(BIN)/python -m pytest tests/prism $(PYTEST_ARGS); \
	  elif [ $$? -eq 3 ]; then echo "NOT RUN: node or npm is missing"; else exit 1; fi

.PHONY: test-tryton-8.0
test-tryton-8.0: $(STAMP) ## Every test of the Tryton adapter on series 8.0, which is built once (two minutes)
	@$(BIN)/python -m tests.servers.tryton 8.0
	@PMSBRIDGE_TRYTON_SERIES=8.0 $(PYTEST) tests/adapters/tryton tests/conformance/test_tryton.py $(PYTEST_ARGS)

.PHONY: test-wheel
test-wheel: $(STAMP) ## Build wheel and sdist, install the wheel apart, test it there
	@$(BIN)/python tools/test_wheel.py

.PHONY: check check-lint check-format check-types check-floors check-drift check-rules
check: check-lint check-format check-types check-floors check-drift check-rules ## Lint, format, types, floors, drift, house rules

check-lint: $(STAMP)
	@$(BIN)/ruff check .

check-format: $(STAMP)
	@$(BIN)/ruff format --check .

check-types: $(STAMP)
	@$(BIN)/mypy

check-floors: $(STAMP)
	@$(BIN)/lint-imports

check-drift: $(STAMP)
	@$(BIN)/python -m pmsbridge.model.schemas --check schemas
	@$(BIN)/python -m pmsbridge_rest.mapping.schema --check schemas/mapping
	@$(BIN)/python -m tools.docs --check
	@$(BIN)/python tools/async_stub.py --check
	@$(BIN)/python -m pmsbridge.cli.reference --check docs/cli.md
	@$(BIN)/python -m tools.bad_input --check
	@$(BIN)/python -m tools.facts --check

check-rules: $(STAMP)
	@$(BIN)/python tools/lint.py
	@$(BIN)/python tools/changelog.py --check

.PHONY: format
format: $(STAMP) ## Let ruff format and fix what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(STAMP) ## Run every benchmark; each measures its peers in the same run
	@tools/bench.sh $(BIN)/python $(BENCH_ARGS)

.PHONY: crashes
crashes: $(STAMP) ## Kill workers fifty times at every boundary of the journal, on SQLite and on PostgreSQL
	@PMSBRIDGE_TEST_KILLS=50 $(PYTEST) tests/crashes $(PYTEST_ARGS)

N ?= 1000000
SEED ?= 1000000
SOAK ?= build/soak-$(SEED)

.PHONY: soak
soak: $(STAMP) ## Play N seeded fault schedules; goes on where it stopped, and records every piece (SEED=, SOAK=)
	@mkdir -p $(dir $(SOAK))
	@$(BIN)/python -m pmsbridge.testing.simulation --schedules $(N) --seed $(SEED) --jobs $(CORES) \
	  --record $(SOAK).jsonl

.PHONY: papers
papers: $(STAMP) ## Render every paper for a plain and an awkward tenant to build/papers, as PDF and PNG (PAPERS="invoice -fr")
	@$(BIN)/python -m tools.papers $(PAPERS)

.PHONY: docs
docs: $(STAMP) ## Regenerate the generated parts of the documentation, and the stub of the asynchronous twins
	@$(BIN)/python -m tools.docs --write
	@$(BIN)/python tools/async_stub.py
	@$(BIN)/python -m pmsbridge.cli.reference --write docs/cli.md

.PHONY: facts
facts: $(STAMP) ## Run the tests that prove what portals need, and write the table of docs/facts.md
	@tools/servers.sh $(BIN)/python
	@$(BIN)/python -m tools.facts --write

.PHONY: schemas
schemas: $(STAMP) ## Regenerate schemas/
	@$(BIN)/python -m pmsbridge.model.schemas --write schemas
	@$(BIN)/python -m pmsbridge_rest.mapping.schema --write schemas/mapping

.PHONY: lock
lock: ## Recompile constraints.txt: names, versions and hashes only
	@tools/lock.sh "$(PYTHON)"

.PHONY: clean
clean: ## Remove everything that is built, the virtual environments too
	rm -rf build dist .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
