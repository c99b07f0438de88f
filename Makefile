# Two commands: `make demo` and `make test`. Both make their own environment in .venv from the pinned constraints.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint check clean

demo: .venv/installed
	$(BIN)/selfsup fit digits --out runs/demo --overwrite

test: .venv/installed-test
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/installed-test
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/mypy

check: lint test

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf .venv
