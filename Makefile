# `make run` and `make test` need Python 3.11-3.13, pip and make; everything else they install into .venv.
PYTHON ?= python3
NOTEBOOK ?= text/global_attention
DATASET ?=
VENV := .venv
BIN := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: run test notebooks lab check clean

run: $(READY)
	$(BIN) -m emorec run $(NOTEBOOK) $(if $(DATASET),--dataset $(DATASET))

test: $(READY)
	$(BIN) -m pytest

# Executes every notebook in full on the bundled sample, and writes it with its outputs.
notebooks: $(READY)
	$(BIN) -m emorec notebooks build

check: $(READY)
	$(BIN) -m ruff check . && $(BIN) -m ruff format --check emorec tests
	$(BIN) -m emorec notebooks check
	$(BIN) -m emorec results --check

lab: $(READY)
	$(BIN) -m jupyter lab notebooks

# A stamp that is newer than the requirements means that the environment can be used again.
$(READY): requirements.txt requirements-lock.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "emorec needs Python 3.11, 3.12 or 3.13; this is %d.%d. Choose one: make PYTHON=python3.12" % sys.version_info[:2])'
	test -x $(BIN) || $(PYTHON) -m venv $(VENV)
	$(BIN) -m pip install --progress-bar on -c requirements-lock.txt -e ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) output
