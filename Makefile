# ferrogate: everything a fresh machine needs, in four words: demo, test, lint, bench.
# .venv is the edge box (with test tools), .venv-train adds the training extra.
# PYTHON=/path/to/python3 picks another interpreter than the first 3.11+ in PATH.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test test-edge test-long test-train lint format audit bench clean

EDGE := .venv
TRAIN := .venv-train
AUDIT := .venv-audit
SETUP_FILES := tools/setup_env.sh pyproject.toml constraints.txt models/pyproject.toml

help:
	@echo "make demo    install what is needed, run the whole ball line once on this machine"
	@echo "make test    all tests, first on the bare install, then with the training extra"
	@echo "make test-long  the tests that take longer; CI runs them, too"
	@echo "make lint    ruff and mypy --strict"
	@echo "make bench   figures of this machine, the last line is one JSON object"
	@echo "make format  let ruff lay out the code"
	@echo "make audit   pins, licences and known holes of what an edge box installs"
	@echo "make clean   remove environments and build results"

# A stamp lies inside its environment, so that removing the environment removes it too.
$(EDGE)/.ready-demo: $(SETUP_FILES)
	tools/setup_env.sh $(EDGE) -e . -e ./models
	@touch $@

$(EDGE)/.ready-test: $(SETUP_FILES)
	tools/setup_env.sh $(EDGE) -e '.[dev]' -e ./models
	@touch $@ $(EDGE)/.ready-demo

$(TRAIN)/.ready-test: $(SETUP_FILES)
	tools/setup_env.sh $(TRAIN) -e '.[train,dev]' -e ./models
	@touch $@

demo: $(EDGE)/.ready-demo
	$(EDGE)/bin/ferrogate demo

bench: $(EDGE)/.ready-demo
	$(EDGE)/bin/ferrogate demo --balls 300 --rate 10 --seed 7 --json | tail -n 1

test: test-edge test-train

test-edge: $(EDGE)/.ready-test
	$(EDGE)/bin/python tools/prove_bare.py
	$(EDGE)/bin/python -m pytest -m "not train and not long"

test-long: $(EDGE)/.ready-test
	$(EDGE)/bin/python -m pytest -m "long and not train"

test-train: $(TRAIN)/.ready-test
	$(TRAIN)/bin/python -m pytest -m train

lint: $(EDGE)/.ready-test
	$(EDGE)/bin/ruff check .
	$(EDGE)/bin/ruff format --check .
	$(EDGE)/bin/mypy

format: $(EDGE)/.ready-test
	$(EDGE)/bin/ruff format .
	$(EDGE)/bin/ruff check --fix .

# In an environment of its own: the auditor must not stand beside what it audits. What a box installs is the
# bare install, so nothing else is in it but pip-audit. Exit code 3: known holes could not be looked up.
audit:
	tools/setup_env.sh $(AUDIT) -e .
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip-audit==2.10.1 </dev/null || \
	  echo "make audit: pip-audit cannot be installed: known holes are not looked up" >&2
	$(AUDIT)/bin/python tools/audit.py

clean:
	rm -rf $(EDGE) $(TRAIN) $(AUDIT) build dist ./*.egg-info models/*.egg-info models/build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
