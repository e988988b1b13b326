# make serve   MCP over WebSocket on PORT; ARGS go to mcpws serve: make serve ARGS="--reload tools.py"
# make check   while you work: lint, types and the unit tests, random ones with few examples, in a minute or two
# make test    the test suite, all but the soaks
# make soak    what takes long: soaks, and the whole suites of foreign programs
# make lint    ruff and mypy
# make docs    the documentation as pages for a browser, in build/docs
# make bench   ours and the peers side by side: make bench ARGS="--only in-process --rounds 3"
#
# Each sets up what it needs first: .venv from PYTHON (3.11 or newer), for the tests the foreign
# programs under .foreign, for the benchmarks the peers under .bench. Nothing is installed again
# until pyproject.toml changes.

PYTHON ?= python3
PORT ?= 8082
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin

export PYTHON
# An environment whose Python is gone, as after an upgrade, is made anew.
$(shell test -x $(RUN)/python || rm -f $(VENV)/pyvenv.cfg)

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: serve check test soak lint coverage docs bench

# Ctrl-C is how it ends: no error that make has to tell of.
serve: $(VENV)/installed-cli
	@trap : INT; $(RUN)/mcpws serve --port $(PORT) $(ARGS) || test $$? -eq 130

# The tests in two halves, since most machines have a second core. A half in which ARGS choose no test says so with 5.
UNIT := $(RUN)/python -m pytest -q -m "not integration" --hypothesis-profile check
HALF := tests/backends tests/client tests/core tests/cli tests/fronts tests/http tests/jsonrpc tests/policy
check: lint
	@$(UNIT) $(HALF) $(ARGS) >$(VENV)/half 2>&1 & half=$$!; \
	$(UNIT) tests $(HALF:%=--ignore=%) $(ARGS); one=$$?; wait $$half; other=$$?; cat $(VENV)/half; \
	for status in $$one $$other; do test $$status -eq 0 -o $$status -eq 5 || exit $$status; done

test: $(VENV)/installed-test
	@tests/integration/foreign/setup.sh
	$(RUN)/python -m pytest -m "not soak" $(ARGS)

soak: $(VENV)/installed-test
	@tests/integration/foreign/setup.sh
	$(RUN)/python -m pytest -m soak $(ARGS)

lint: $(VENV)/installed-test $(VENV)/installed-lint
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/mypy

# Every branch of the core, by the tests of these layers alone.
coverage: $(VENV)/installed-test
	$(RUN)/coverage erase
	$(RUN)/coverage run -m pytest -q tests/jsonrpc tests/mcp tests/core tests/policy
	$(RUN)/coverage combine --quiet
	$(RUN)/coverage report --include='mcpws/jsonrpc/*,mcpws/mcp/*,mcpws/core/*,mcpws/policy/*' --fail-under=100

# Any warning is an error: a reference to nothing, a page that no other leads to.
docs: $(VENV)/installed-docs
	@$(RUN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet --doctree-dir build/doctrees docs build/docs
	@echo "build/docs/index.html"

bench: $(VENV)/installed-bench
	@benchmarks/setup.sh
	@$(RUN)/python -m benchmarks $(ARGS)

$(VENV)/installed-%: pyproject.toml $(VENV)/pyvenv.cfg
	@echo "installing mcpws[$*] into $(VENV)"
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mcpws needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv --clear $(VENV)
