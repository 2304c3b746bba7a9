# One command file, the same on a desk and in CI.  `make help` lists the targets.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TESTS  := $(VENV)/.ready-for-tests
# A process for each core takes the next tests as it gets through its own; JOBS= runs them in one.
JOBS   ?= --numprocesses=logical --maxprocesses=8 --dist=worksteal

.PHONY: help run test test-all test-peers check coverage lint format docs clean \
	bench-start bench-engine bench-extraction bench-whole bench-dedup bench-corpus

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ingest needs Python 3.11 or newer")'
	@echo 'setting up $(VENV): a minute or more, 0.7 GB'
	$(PYTHON) -m venv $(VENV)
	$(PIP) -c constraints.txt -e .
	@touch $@

$(TESTS): $(READY)
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

run: $(READY)  ## one pass over config/ingest.toml: seeds/ in, store/corpus/ out
	$(BIN)/ingest run

test: $(TESTS)  ## every test but the slow ones
	$(BIN)/pytest $(JOBS)

test-all: $(TESTS)  ## every test, soak and fuzz tests too
	$(BIN)/pytest $(JOBS) -m ''

test-peers: $(TESTS)  ## dolma's and datatrove's readers on our corpus, in environments of their own
	$(PYTHON) -m venv $(VENV)/peers/datatrove
	$(VENV)/peers/datatrove/bin/pip install --quiet datatrove orjson zstandard
	$(PYTHON) -m venv $(VENV)/peers/dolma
	$(VENV)/peers/dolma/bin/pip install --quiet --no-deps dolma msgspec typing_extensions
	INGEST_DATATROVE=$(abspath $(VENV))/peers/datatrove/bin/python \
		INGEST_DOLMA=$(abspath $(VENV))/peers/dolma/bin/python \
		$(BIN)/pytest tests/publish/test_peers.py

lint: $(TESTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## lint, types, layers, then the tests

coverage: $(TESTS)  ## the tests with coverage, which makes them half as long again
	$(BIN)/pytest $(JOBS) --cov --cov-report=term:skip-covered

format: $(TESTS)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-start: $(TESTS)  ## how long the command line takes to answer
	$(BIN)/python benchmarks/startup.py

bench-engine: $(TESTS)  ## overhead of worker processes
	$(BIN)/python benchmarks/engine.py

bench-reading: $(TESTS)  ## fetching beside what comes after it, on a site of its own
	$(BIN)/python benchmarks/reading.py

bench-extraction: $(TESTS)  ## main-text extraction beside its peers (INGEST_DATA)
	$(BIN)/python benchmarks/extraction.py --markdown

bench-whole: $(TESTS)  ## whole runs over HTML beside bare trafilatura (INGEST_DATA)
	$(BIN)/python benchmarks/whole.py --copies 3

bench-dedup: $(TESTS)  ## signatures, recall, index; whole runs beside peers (installs 3 GB)
	$(BIN)/python benchmarks/dedup.py
	$(BIN)/python benchmarks/index.py --documents 100000
	[ -z "$$INGEST_DATA" ] || $(BIN)/python benchmarks/stories.py
	[ -z "$$INGEST_DATA" ] || $(BIN)/python benchmarks/strangers.py --show 0
	$(BIN)/python benchmarks/peers_dedup.py --install

bench-corpus: $(TESTS)  ## publishing and reading, from 10^4 documents; runs in which nothing changed
	$(BIN)/python benchmarks/corpus.py
	$(BIN)/python benchmarks/unchanged.py

bench-daemon: $(TESTS)  ## from a dropped file to its line; a run of an unchanged source
	$(BIN)/python benchmarks/daemon.py

docs: $(TESTS)  ## write docs/commands.md and docs/settings.md from the code
	$(BIN)/python tests/reference.py

clean:  ## remove the environment; store/ is left alone
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info
