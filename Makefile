# Commands for users and developers of gliofit. On a fresh machine each target creates .venv first.
# pip reads its usual variables: without a GPU, an index with CPU builds of torch makes the download much smaller.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CORES ?= all
, := ,
SNAKEMAKE = $(BIN)/snakemake --cores $(CORES)

# The oldest supported Python is also the one the pins were resolved on, so it comes first.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 28

.PHONY: venv
venv: $(READY)  ## create .venv with the exact versions of constraints.txt

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "gliofit needs Python 3.11 or newer: install it, or name it with 'make PYTHON=...'"; exit 1; }
	@echo "setting up $(VENV) with $(PYTHON): some minutes, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[workflow,docs,test,lint]'
	@touch $@

# $(call chain,run,arguments): the whole workflow, its report, and where to find the results.
define chain
	$(SNAKEMAKE) $(2)
	@echo "building Snakemake's report ..."
	@$(SNAKEMAKE) $(2) --report results/$(1)/publish/workflow-report.html > results/$(1)/logs/report.log 2>&1 \
		|| { cat results/$(1)/logs/report.log; exit 1; }
	@echo
	@echo "Look at"
	@echo "  results/$(1)/publish/report.html                 everything in one page: open it in a browser"
	@echo "  results/$(1)/publish/workflow-report.html        Snakemake's own: the same, with every job and its rule"
	@echo "  results/$(1)/publish/tables/table2.md            the methods compared (tables 1 to 3, also .csv and .tex)"
	@echo "  results/$(1)/publish/figures/figure4.png         patients by methods"
	@echo "  results/$(1)/register/patients/*/qc.png          was each patient registered well?"
	@echo "  results/$(1)/forward/patients/*/*/concentration.nii.gz    tumour-cell maps, on the patient's own grid"
endef

.PHONY: demo
demo: $(READY)  ## the whole chain on synthetic cases and phantom patients (about 10 minutes on two cores)
	$(call chain,demo,)

# Which patients can be used, and why the others cannot; the workflow uses the former.
COHORT := results/brats/cohort.tsv

.PHONY: brats
brats: $(READY)  ## the same on your patients: make brats PATIENTS=folder (or a table); SAMPLE=25 draws 25 of them
	@test -n "$(PATIENTS)" || { echo "say where the patients are: make brats PATIENTS=folder"; exit 1; }
	@test -e "$(PATIENTS)" || { echo "$(PATIENTS): no such folder or table; check PATIENTS="; exit 1; }
	@$(BIN)/gliofit check --patients "$(PATIENTS)" --out $(COHORT) \
		|| { echo "no patient in $(PATIENTS) can be used: correct what is named above"; exit 1; }
	$(call chain,brats,--configfile config/brats.yaml \
		--config 'patients={"source": "$(COHORT)"$(if $(SAMPLE),$(,) "sample": $(SAMPLE))}')

.PHONY: benchmark-inversion
benchmark-inversion: $(READY)  ## errors of Gauss-Newton on 200 synthetic tumours at 1 mm (hours)
	$(SNAKEMAKE) study --configfile config/benchmark.yaml
	@echo "Look at results/benchmark/study/study.md and study.png"

.PHONY: robustness
robustness: $(READY)  ## the same on 40 at 2 mm under noise, other voxels and other tissue, and against CMA-ES (hours)
	$(SNAKEMAKE) study --configfile config/robustness.yaml
	@echo "Look at results/robustness/study/study.md, convergence.md and study.png"

.PHONY: surrogates
surrogates: $(READY)  ## train the networks and compare the surrogates, on a CPU (hours); PATIENTS=folder adds their brains
	$(SNAKEMAKE) assess study --configfile config/surrogates.yaml \
		$(if $(PATIENTS),--config 'cohorts=["synthetic"$(,) "patients"]' 'patients={"source": "$(PATIENTS)"}')
	@echo "Look at results/surrogates/assess/*.md and *.png, and results/surrogates/study/study.md"

.PHONY: networks
networks: $(READY)  ## train and compare the paper's networks at 4 mm on a CPU (a day on one core; resumes)
	$(SNAKEMAKE) --configfile config/networks.yaml -- train_all assess
	@echo "Look at results/networks/assess/*.md and *.png"

# A training in pieces of ten minutes that resumes from a checkpoint.
MODEL ?= guided-unet
MINUTES ?= 10
GPU_RUN := results/surrogates-gpu

.PHONY: train-gpu
train-gpu: $(READY)  ## ten minutes of the full training on a GPU: make train-gpu MODEL=guided-unet; repeat until complete
	$(BIN)/python -m pytest -q tests/numerics/test_backends.py
	$(SNAKEMAKE) $(GPU_RUN)/simulate/shards/validation-0000{0,1}.nii $(GPU_RUN)/simulate/warped/000{00..31}/wm.nii.gz \
		--configfile config/surrogates-gpu.yaml
	$(BIN)/python -m gliofit.train --config config/surrogates-gpu.yaml --model $(MODEL) --device cuda --threads 8 \
		--shards $(GPU_RUN)/simulate/shards --tissue $(GPU_RUN)/simulate/tissue \
		--warped $(GPU_RUN)/simulate/warped/* --seed 2026 --out $(GPU_RUN)/train/$(MODEL) --card \
		--checkpoint $(GPU_RUN)/train/checkpoints/$(MODEL).pt --piece-minutes $(MINUTES)

# Runs of the shipped configurations.
RECORDED = $(wildcard $(addprefix results/,demo brats surrogates benchmark robustness surrogates-gpu paper))

.PHONY: reproduction
reproduction: $(READY)  ## docs/reproduction.md and the README's tables, from the runs in results/
	$(if $(RECORDED),$(BIN)/python -m tools.reproduce record $(RECORDED))
	$(BIN)/python -m tools.reproduce page --readme README.md

.PHONY: pictures
pictures: $(READY)  ## copy pictures of the runs in results/ to docs/images
	$(BIN)/python -m tools.reproduce pictures

.PHONY: notebook
notebook: $(READY)  ## execute docs/notebooks/refit.ipynb on the demo's results and save its output
	$(BIN)/python -m tools.reproduce notebook docs/notebooks/refit.ipynb

.PHONY: test
test: $(READY)  ## all tests; COVERAGE=yes also measures branch coverage
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(if $(COVERAGE),--cov --cov-report=term)

.PHONY: cluster-test
cluster-test: $(READY)  ## the SLURM profile on a SLURM of one node (installed first if root on Debian)
	$(BIN)/python tools/loopback.py install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slurm tests/cluster

.PHONY: kill-test
kill-test: $(READY)  ## kill a small run 24 times, restart it, compare with an undisturbed one (half an hour or more)
	$(BIN)/python -m tools.reliability.kill

.PHONY: determinism-test
determinism-test: $(READY)  ## run the small run three times, on one core and two, and compare byte by byte
	$(BIN)/python -m tools.reliability.determinism

.PHONY: docs
docs: $(READY)  ## the documentation as a site, in results/docs (takes minutes the first time: runs the tutorial)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Look at results/docs/index.html"

.PHONY: lint
lint: $(READY)  ## check formatting, style, types and the workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

.PHONY: format
format: $(READY)  ## correct formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

.PHONY: generate
generate: $(READY)  ## write generated files (schema, table of keys, environments, digests)
	$(BIN)/python -m tools.generate

.PHONY: bench
bench: $(READY)  ## benchmarks
	$(BIN)/python benchmarks/solver.py
	$(BIN)/python benchmarks/surrogates.py models/guided-unet

.PHONY: clean
clean:  ## remove results and caches, keep .venv
	rm -rf results .snakemake .pytest_cache .ruff_cache .mypy_cache .hypothesis
