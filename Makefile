# Every target does its own set-up: a fresh clone needs python3 (3.11 or newer), make and git.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
BENCH  := $(VENV)/.bench-ready
# Tests mostly wait for calls that take place in real time; more at once than this, and they wait for a core.
WORKERS ?= 2

# Calls take place in real time, and a machine that is short of it for a moment fails one test of thousands.
# Those that failed are run once more, alone, and named; a defect fails again.
AGAIN = $(BIN)/python -m pytest --last-failed --last-failed-no-failures none --exitfirst \
	-v -o addopts="--strict-markers --import-mode=importlib"

.PHONY: demo test check unit chaos chaos-quick bench bench-ready lock clean help

help:            ## List the targets
	@grep -hE '^[a-z]+: .*##|^[a-z]+:  *##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

demo: $(READY)   ## One real conversation between two emulators through the gateway
	$(BIN)/vatel-gateway demo

test: $(READY)   ## Unit and integration tests; what fails beside others must pass alone
	$(BIN)/python -m pytest tests/unit tests/integration -n $(WORKERS) --dist worksteal || \
		$(AGAIN)

unit: $(READY)   ## The tests of the pure core, in seconds
	$(BIN)/python -m pytest tests/unit

check: $(READY)  ## Style, format, layers, types, and the unit tests, which must cover audio, wire and bridge whole
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/unit -n $(WORKERS) --cov=gateway.audio --cov=gateway.wire --cov=gateway.bridge \
		--cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

chaos: $(READY)  ## Break everything calls depend on, and measure what callers hear; 15 minutes
	$(BIN)/vatel-gateway chaos

chaos-quick: $(READY)  ## A few of each of that; 3 minutes
	$(BIN)/vatel-gateway chaos --quick

bench-ready: $(BENCH)  ## What the measurements need besides

bench: $(BENCH)  ## Every figure of docs/explanation, measured on this machine
	$(BIN)/python -m tests.bench

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-strip-extras --upgrade

lock: $(READY)   ## Lock the requirements anew, with hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	$(BIN)/$(LOCK) pyproject.toml requirements/dev.in --output-file requirements/dev.txt
	$(BIN)/$(LOCK) -c requirements/dev.txt requirements/bench.in --output-file requirements/bench.txt

$(READY): requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--only-binary :all: -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(BENCH): $(READY) requirements/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	touch $@

clean:           ## Remove what the other targets made
	rm -rf $(VENV) .venv-3.13 build demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
