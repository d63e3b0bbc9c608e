# Every target creates the virtual environment it needs; python3 and make are enough to start.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venvs
PANDAS_2 := $(PEERS)/pandas-2
SITE := import sysconfig; print(sysconfig.get_path("purelib"))
PIP_FLAGS := --quiet --disable-pip-version-check
TEST_WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-pandas-2 bench docs lint format peers clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_FLAGS) --editable '.[dev]'
	@touch $@

$(PEERS)/.installed: $(wildcard benchmarks/peers/*.txt)
	$(PYTHON) -m venv $(PEERS)/neptune-query
	$(PEERS)/neptune-query/bin/python -m pip install $(PIP_FLAGS) -r benchmarks/peers/neptune-query.txt
	$(PYTHON) -m venv $(PEERS)/neptune-fetcher
	$(PEERS)/neptune-fetcher/bin/python -m pip install $(PIP_FLAGS) -r benchmarks/peers/neptune-fetcher.txt
	$(PYTHON) -m venv $(PEERS)/neptune-exporter
	$(PEERS)/neptune-exporter/bin/python -m pip install $(PIP_FLAGS) -r benchmarks/peers/neptune-exporter.txt
	@touch $@

# The same environments with pandas 2 on top: everything else is found in the first ones.
$(PANDAS_2)/.installed: $(VENV)/.installed $(PEERS)/.installed
	for name in $(VENV) $(PEERS)/neptune-query $(PEERS)/neptune-fetcher; do \
		below=$$($$name/bin/python -c '$(SITE)') && \
		above=$(PANDAS_2)/$$(basename $$name) && \
		$(PYTHON) -m venv $$above && \
		$$above/bin/python -m pip install $(PIP_FLAGS) --no-deps 'pandas>=2.2,<3' pytz tzdata && \
		echo "import site; site.addsitedir('$$below')" > $$($$above/bin/python -c '$(SITE)')/below.pth \
		|| exit 1; \
	done
	@touch $@

demo: $(VENV)/.installed ## Train a small sweep, serve it, and read it back through all three faces
	$(BIN)/neptune-frames demo --output demo-output

test: $(VENV)/.installed ## Run the fast tests (a few minutes at most)
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup -m "not slow and not compat"

test-all: test peers ## Run every test, the official clients as peers included
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup -m "slow or compat"
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup --plain-servers tests/source tests/lazy tests/compat
	$(MAKE) test-pandas-2

test-pandas-2: $(PANDAS_2)/.installed ## Run the tests that make pandas frames with pandas 2, the official clients too
	NEPTUNE_FRAMES_OFFICIAL_PYTHON=$(PANDAS_2)/neptune-query/bin/python \
	NEPTUNE_FRAMES_OFFICIAL_FETCHER_PYTHON=$(PANDAS_2)/neptune-fetcher/bin/python \
	$(PANDAS_2)/.venv/bin/python -m pytest -n $(TEST_WORKERS) --dist loadgroup tests/unit tests/compat -m "not slow"

bench: $(VENV)/.installed peers ## Compare with the official clients: CPU, wall, memory
	$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.native
	$(BIN)/python -m benchmarks.lazy_scan
	$(BIN)/python -m benchmarks.lazy_arrow
	$(BIN)/python -m benchmarks.lazy_pushdown
	$(BIN)/python -m benchmarks.lazy_memory
	$(BIN)/python -m benchmarks.archive_scan
	$(BIN)/python -m benchmarks.archive_layouts
	$(BIN)/python -m benchmarks.archive_layouts --opening
	$(BIN)/python -m benchmarks.archive_filter --runs 500
	$(BIN)/python -m benchmarks.export --exporter $(PEERS)/neptune-exporter/bin/python

docs: $(VENV)/.installed ## Run every code block of README and docs, and check the links between pages
	$(BIN)/python -m pytest tests/docs

lint: $(VENV)/.installed ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed ## Put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

peers: $(PEERS)/.installed ## Install the official clients into environments of their own

clean: ## Remove everything that was made
	rm -rf $(VENV) $(PEERS) demo-output build site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
		.hypothesis dist python/*.egg-info
