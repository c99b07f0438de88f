# Two commands: `make demo` and `make test`. Both make their own environment in .venv from the pinned constraints.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test browser course docs linkcheck lint check clean

demo: .venv/installed
	$(BIN)/selfsup fit digits --out runs/demo --overwrite

test: .venv/installed-test
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Debian's Chromium, for the tests of pages, which skip where there is none. It fails nothing: without a network they skip.
browser:
	@if [ -n "$$CHROMIUM" ] || command -v chromium >/dev/null; then \
	  echo "Chromium is there: $${CHROMIUM:-$$(command -v chromium)}"; \
	elif ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ]; then \
	  echo "the browser tests will skip: install Chromium (on Debian, as root: apt-get install chromium), or name it in CHROMIUM"; \
	elif (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium) >/dev/null; then \
	  echo "installed $$(chromium --version 2>/dev/null)"; \
	else \
	  echo "the browser tests will skip: apt-get could not install Chromium"; \
	fi

lint: .venv/installed-test
	$(BIN)/ruff check src tests benchmarks examples course docs
	$(BIN)/ruff format --check src tests benchmarks examples course docs
	$(BIN)/mypy

course: .venv/installed-course
	$(BIN)/python course/run.py

docs: .venv/installed-docs
	$(BIN)/python docs/make.py

# Whether the addresses of other sites still answer; it needs a network, so nothing calls it.
linkcheck: .venv/installed-docs
	$(BIN)/python docs/make.py --links

check: lint test

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

.venv/installed-course: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[course]'
	touch $@

.venv/installed-docs: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv
