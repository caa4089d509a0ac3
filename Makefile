# Everything a contributor does; each target prepares what it needs. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down services services-down check test cold suites soak bench generate format lock clean

PYTHON := .venv/bin/python
BIN := .venv/bin

# In the order of what they cost; each is a folder of tests/ and brings up what it needs.
SUITES := chart shell contract cluster e2e faults

# Contract tests start servers of their own, once per process; e2e and fault tests mostly wait, each in a namespace of
# its own.
SIDE_BY_SIDE_contract := --numprocesses 3 --dist worksteal
SIDE_BY_SIDE_e2e := --numprocesses 3
SIDE_BY_SIDE_faults := --numprocesses 3 --dist worksteal

SEEDS := 20

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv with the pinned tools and the project
	@hack/setup

demo: ## The whole thing working, on a local cluster
	@hack/setup --cluster
	@$(PYTHON) hack/demo up

demo-down: setup ## Take the demo and its cluster down
	@$(PYTHON) hack/demo down

services: ## PostgreSQL, TimescaleDB, Redis and Kafka for development, ONLY="NAME …" or all; prints where they are
	@python3 hack/services up $(ONLY)

services-down: ## Stop them; their data stay
	@python3 hack/services down

check: setup ## Lint, types, import rules, generated files, unit tests
	@hack/timed "lint" $(BIN)/ruff check --quiet --output-format concise .
	@hack/timed "format" $(BIN)/ruff format --quiet --check .
	@hack/timed "types: operator" $(BIN)/mypy
	@for program in cluster demo image times; do \
	    MYPYPATH=hack:hack/$$program hack/timed "types: hack/$$program" \
	        $(BIN)/mypy --cache-dir .mypy_cache/hack-$$program hack/$$program || exit 1; \
	done
	@MYPYPATH=hack hack/timed "types: hack/services" $(BIN)/mypy --cache-dir .mypy_cache/hack-services -p services
	@hack/timed "import rules" $(BIN)/lint-imports --no-logo
	@hack/timed "generated files" $(PYTHON) -m backbone.crds --check
	@hack/timed "unit tests" $(BIN)/pytest --quiet $(call NOTED,check) --numprocesses 2 tests/unit tests/test_*.py

# A run's times: hack/timed and pytest leave them here, hack/times reads them.
RUN := build/times
NOTED = $(if $(TIMES),--durations 25 --junitxml $(TIMES)/$(1).xml)

test: ## check, then every other test; a real cluster comes and goes; ends with what took how long
	@rm -rf $(RUN) && mkdir -p $(RUN)
	@TIMES=$(RUN) $(MAKE) --no-print-directory cold suites; code=$$?; \
	    if [ -x $(PYTHON) ]; then $(PYTHON) hack/times $(RUN) $(if $(WARM_MINUTES),--limit $(WARM_MINUTES)) || code=1; fi; \
	    exit $$code

# What a new machine installs and builds, before anything is measured.
cold:
	@hack/timed packages hack/setup --cluster
	@$(PYTHON) hack/demo absent
	@hack/timed services $(PYTHON) hack/services install
	@hack/timed readers hack/readers
	@hack/timed "recorded data" $(BIN)/emp-runtime sample fetch
	@hack/timed programs $(PYTHON) hack/cluster up --with-builds-only
	@$(PYTHON) hack/cluster api-server --with-builds-only  # built above already, unless the cluster is one of kind
	@hack/timed images $(PYTHON) hack/image build

suites:
	@hack/timed check $(MAKE) --no-print-directory check
	@$(foreach suite,$(SUITES),hack/timed $(suite) \
	    $(BIN)/pytest --quiet $(call NOTED,$(suite)) $(SIDE_BY_SIDE_$(suite)) tests/$(suite) &&) true

soak: ## Every fault schedule whole, and SEEDS=20 random ones; goes on where it was stopped; write docs/reliability.md
	@hack/setup --cluster
	@EVERY_STATEMENT=1 $(BIN)/pytest --quiet $(SIDE_BY_SIDE_contract) -k killed_before_any tests/contract
	@PYTHONPATH=hack:tests/e2e:tests/faults $(PYTHON) tests/faults/soak.py --seeds $(SEEDS)

bench: ## Measure against peers, ONLY="NAME …" or all; write docs/benchmarks.md
	@hack/setup --bench
	@build/bench-venv/bin/python tests/bench $(ONLY)

generate: setup ## Write crds/, the chart's copy and docs/reference/ from the models
	@$(PYTHON) -m backbone.crds

format: setup ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

lock: ## Write the hash-pinned requirements from pyproject.toml
	@hack/lock

clean: ## Remove what was made here, except a cluster and the machine's caches
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
