# On a fresh machine with Python and make:
#   make demo   trains, calibrates and reports on a bundled data set
#   make test   runs the tests
#   make docs   builds the site into build/docs, for use without a network
#   make check  is what CI runs: format, lint, types, tests
# Every target first makes the virtual environment, when it is missing or out of date.
# VENV=... puts it elsewhere, PYTHON=... picks the interpreter it is made from.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.softplex-installed

.PHONY: help demo test slow docs check lint format install clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(STAMP)

demo: $(STAMP)
	$(BIN)/softplex fit digits --target target --out demo-report --force

test: $(STAMP)
	$(BIN)/python -m pytest

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

docs: $(STAMP)
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build/docs demo-report .mypy_cache .pytest_cache .ruff_cache .hypothesis
