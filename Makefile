# make lab      makes .venv, installs, opens JupyterLab on the first lab (ARGS="05 --language ja", ARGS=--no-browser)
# make test     linting, every test, and nbval on every notebook at the small budget
# make course   every solution at its full lesson budget, with its claims
# make bench    speed, as ratios within one run
# make site     the web site of the solved labs, in build/site
# make pictures the pictures of the README, drawn again by the zoo's models, the studio's and the labs' in a browser
# make wheelhouse  a folder with all that pip needs, for a room without a network (docs/jupyterhub.md)
# make format   formats and fixes what can be fixed

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Two workers of one thread each; on a machine with more cores, make test WORKERS=8
WORKERS ?= 2
QUIET := HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 OMP_NUM_THREADS=1 MPLBACKEND=agg TOKENIZERS_PARALLELISM=false

.PHONY: lab test lint unit notebooks course bench pictures wheelhouse site format
.DEFAULT_GOAL := test

# One installation serves all targets; it is made again when pyproject.toml changes.
$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "t2ilab needs Python 3.11 to 3.13; this is %d.%d. Name one with make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[all]'
	@touch $@

lab: $(VENV)/installed
	$(BIN)/python -m t2ilab lab $(ARGS)

test: lint unit notebooks

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/installed
	$(QUIET) $(BIN)/python -m pytest tests --ignore=tests/course -n $(WORKERS) --dist loadfile -p no:nbval -p no:cacheprovider $(ARGS)

# Solutions are compared with their stored outputs; labs are run as a student first opens them.
notebooks: $(VENV)/installed
	$(QUIET) T2ILAB_BUDGET=ci $(BIN)/python -m pytest --nbval solutions --ignore=solutions/ja -n $(WORKERS) --dist loadfile -p no:cacheprovider --nbval-cell-timeout 600 -W default
	$(QUIET) T2ILAB_BUDGET=ci $(BIN)/python -m pytest --nbval-lax labs solutions/ja -n $(WORKERS) --dist loadfile -p no:cacheprovider --nbval-cell-timeout 600 -W default

course: $(VENV)/installed
	$(BIN)/python -m pytest tests/course -p no:nbval -p no:cacheprovider -s $(ARGS)

bench: $(VENV)/installed
	$(BIN)/python -m t2ilab bench $(ARGS)

pictures: $(VENV)/installed
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python -m docs.make_studio_picture
	$(BIN)/python -m docs.make_lab_pictures

site: $(VENV)/installed
	$(BIN)/python docs/make_site.py

# Everything as wheels, PyTorch's without CUDA; pip takes them by --no-index --find-links wheelhouse.
wheelhouse: $(VENV)/installed
	$(BIN)/pip wheel --quiet --wheel-dir wheelhouse --extra-index-url https://download.pytorch.org/whl/cpu '.[lab,studio]'

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
