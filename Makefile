# `make run` and `make test` need Python 3.11-3.13, pip and make; everything else they install into .venv.
PYTHON ?= python3
NOTEBOOK ?= text/global_attention
DATASET ?=
NAMES ?=
FAST ?=
VENV := .venv
BIN := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: run test unit bench wheel notebooks lab site screenshots generated colab-rehearsal check clean

run: $(READY)
	$(BIN) -m emorec run $(NOTEBOOK) $(if $(DATASET),--dataset $(DATASET))

test: $(READY)
	$(BIN) -m pytest

# The tests that are neither of notebooks nor slow.
unit: $(READY)
	$(BIN) -m pytest -m unit

# What things cost on this machine, against what a user would do instead: benchmarks/results.json.
bench: $(READY)
	$(BIN) -m benchmarks $(NAMES)

# The package as one file, for pip or to upload to Colab: dist/emorec-VERSION-py3-none-any.whl.
wheel: $(READY)
	rm -rf dist
	$(BIN) -m pip wheel -q --no-deps -w dist .
	@ls dist/*.whl

# Executes every notebook in full on the bundled sample, and writes it with its outputs.
notebooks: $(READY)
	$(BIN) -m tools notebooks build

check: $(READY)
	$(BIN) -m ruff check . && $(BIN) -m ruff format --check emorec experiments tools tests
	$(BIN) -m mypy
	$(BIN) -m tools notebooks check
	$(BIN) -m tools generated --check

# Everything that is written by a command: RESULTS.md, tables in README and notebooks, the READMEs of notebooks/ and
# data/, figures.
generated: $(READY)
	$(BIN) -m tools generated

lab: $(READY)
	$(BIN) -m jupyter lab notebooks

# docs/, the executed notebooks as a gallery, the results and the API: site/index.html. Needs no network.
site: $(READY)
	$(BIN) -m tools site

# The figures of the README, drawn by the project's own code.
screenshots: $(READY)
	$(BIN) -m tools diagrams

# Runs notebooks as Google Colab would; needs python3.13. NAMES="text/global_attention" chooses, FAST=1 is the fast form.
colab-rehearsal: $(READY)
	$(BIN) tests/notebooks/colab/rehearse.py $(NAMES) $(if $(FAST),--fast)

# A stamp that is newer than the requirements means that the environment can be used again.
$(READY): requirements.txt requirements-lock.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "emorec needs Python 3.11, 3.12 or 3.13; this is %d.%d. Choose one: make PYTHON=python3.12" % sys.version_info[:2])'
	test -x $(BIN) || $(PYTHON) -m venv $(VENV)
	$(BIN) -m pip install --progress-bar on -c requirements-lock.txt -e ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) .venv-colab build dist output site
