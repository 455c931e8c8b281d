# Everything a developer does, and CI with it. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
# Test processes. Each imports torch and the others once, so more than a few gain nothing.
WORKERS ?= 2
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Test processes share the cores: threads of their own would only wait for each other.
test test-slow: export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow lint types format bench-single clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(READY) ## create .venv with the package and every tool, in the versions of constraints.txt

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# --chart --verbose: shown in a log as on a terminal.
demo: $(READY) ## train on sample data, then show and write a forecast with its chart, in the folder demo/
	mkdir -p demo
	cd demo && ../$(BIN)/forecast train ../sample_data/prices.csv --seed 1
	cd demo && ../$(BIN)/forecast predict --model prices.safetensors --horizon 30 --plot prices.png --chart --verbose
	cd demo && ../$(BIN)/forecast train ../sample_data/sales.csv --seed 1
	cd demo && ../$(BIN)/forecast predict --model sales.safetensors --plot sales.png
	@echo && echo "demo/ holds the models, the forecasts as CSV and their charts:" && ls -l demo

test: $(READY) ## run the tests, but the slow ones
	$(BIN)/pytest -q -m "not slow" -n $(WORKERS)

test-slow: $(READY) ## run the slow tests alone
	$(BIN)/pytest -q -m slow -n $(WORKERS)

lint: $(READY) ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## check the types of the package, strictly
	$(BIN)/mypy

bench-single: $(READY) ## measure accuracy on single-series files: make bench-single DATA=folder
	$(BIN)/python benchmarks/single.py $(if $(DATA),"$(DATA)",$(error DATA=folder is needed))

bench-compare: $(READY) ## compare recurrent cells on five files: make bench-compare DATA=folder
	$(BIN)/python benchmarks/compare.py $(if $(DATA),"$(DATA)",$(error DATA=folder is needed))

bench-m4: $(READY) ## measure M4 Weekly and Hourly: make bench-m4 DATA=folder
	$(BIN)/python benchmarks/m4.py $(if $(DATA),"$(DATA)",$(error DATA=folder is needed))

bench-tourism: $(READY) ## measure Tourism monthly, quarterly and yearly: make bench-tourism DATA=folder
	$(BIN)/python benchmarks/tourism.py $(if $(DATA),"$(DATA)",$(error DATA=folder is needed))

bench-ett: $(READY) ## measure ETTh1, ETTh2 and ETTm1 far ahead: make bench-ett DATA=folder
	$(BIN)/python benchmarks/ett.py $(if $(DATA),"$(DATA)",$(error DATA=folder is needed))

bench-peers: $(READY) $(PEERS)/.ready ## measure neuralforecast, darts and statsforecast beside ours: make bench-peers DATA=folder
	$(BIN)/python benchmarks/peers.py $(if $(DATA),"$(DATA)",$(error DATA=folder is needed))

# torch first, as we have it: what comes after would bring the build for GPUs.
$(PEERS)/.ready: benchmarks/peers-requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' $<)"
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

bench-scaling: $(READY) ## train priors of many sizes and measure them: make bench-scaling DATA=folder
	$(BIN)/python benchmarks/scaling.py $(if $(DATA),"$(DATA)",$(error DATA=folder is needed))

bench-scale: $(READY) ## measure time and memory of 1,000 to 100,000 series
	$(BIN)/python benchmarks/scale.py

bench-speed: $(READY) ## measure where the time of training goes, beside its matrix products
	$(BIN)/python benchmarks/speed.py

bench-startup: $(READY) ## measure forecast predict from start to file, beside importing torch
	$(BIN)/python benchmarks/startup.py --output benchmarks/results/startup.md

# Hours on one core; the same seed and versions give the same bytes.
prior: $(READY) ## train the prior that comes with the package again, from its seed
	$(BIN)/forecast pretrain --steps 24000 --seed 1 --output forecast/priors/lstm.safetensors --verbose

almanac: $(READY) ## write down again on which days exchanges trade, from the exchange_calendars that is installed
	$(BIN)/python -c 'from forecast.calendars import almanac, exchanges; almanac.FILE.write_text(exchanges.almanac_of_library())'

clean: ## remove what was made here, but not .venv
	rm -rf demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find forecast tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
