# Two commands matter to a newcomer: `make demo` and `make test`. Every target makes .venv where none is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.installed
export PYTHONSAFEPATH := 1

.PHONY: setup demo test test-long compiled soak prove hosts check bench docs clean lock format help mutations

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.11 or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP) ## the virtual environment, with every dependency by hash

demo: $(STAMP) ## set up, start everything, run the hospital pipeline, show what crossed
	$(BIN)/isthmus demo $(ARGS)

test: compiled ## the tests, on real parts, in ten minutes
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not long" $(ARGS)

test-long: compiled ## the tests that take long: whole systems, one after the other, in every trouble
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m long $(ARGS)

compiled: $(STAMP)
	@# Hundreds of processes import us: each would compile us anew where PYTHONDONTWRITEBYTECODE is set.
	@$(BIN)/python -m compileall -q -j 2 flows tasks environments data_contracts

soak: $(STAMP) ## 10,000 simulated schedules of faults, KIND=queued those of the outbox; SEED=N shows one
	$(BIN)/python tests/simulation/soak.py --kind $(or $(KIND),crossings) $(if $(SEED),--seed $(SEED),$(or $(SEEDS),10000))

mutations: $(STAMP) ## 100,000 random changes to genuine crossings, none accepted (ARGS="-k …" for others)
	ISTHMUS_MUTATIONS=$${ISTHMUS_MUTATIONS:-100000} $(BIN)/python -m pytest -q tests/attacks/test_boundary_mutations.py $(ARGS)

prove: $(STAMP) ## plant values, run everything and every failure, search; then each guard off; writes the report
	$(BIN)/python -P tests/prove/prove.py $(ARGS)

hosts: $(STAMP) ## three hosts and a server whose links are cut as seeds say (needs root); SEED=N runs one; writes the report
	$(BIN)/python -P tests/hosts/hosts.py $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),5)) $(ARGS)

check: $(STAMP) ## format, lint, types, layers, licences, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/build.py --check

bench: $(STAMP) ## one benchmark: make bench NAME=step_start
	$(BIN)/python benchmarks/$(NAME).py $(ARGS)

docs: $(STAMP) ## the reference, generated from the code
	$(BIN)/python docs/build.py

format: $(STAMP) ## write the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## resolve again: requirements.lock from pyproject.toml, with hashes and no index address
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --universal --custom-compile-command "make lock" -o requirements.lock

clean: ## everything that was built here; never a home with data
	rm -rf .venv dist docs/_build .mypy_cache .ruff_cache .import_linter_cache .hypothesis benchmarks/.data
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
