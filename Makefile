# For everybody: `make test`, `make bench` and `make docs`. Each sets up the virtual environment first.
# `make fuzz` tries hostile input, `make soak` whether memory grows.
# `make wheel-test` tries what is published, `make cluster-test` the launchers that are extras.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin

.PHONY: setup lint test fuzz soak wheel-test cluster-test bench scoreboard docs clean

setup: $(VENV)/.installed

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test,docs]'
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One thread a process: torch oversubscribes small machines.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --durations 15

fuzz: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --cases 10000

soak: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks soak --minutes 60

# What is published, in an environment that has nothing else, from another folder.
wheel-test: setup
	rm -rf build dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv --clear build/empty
	build/empty/bin/pip install --quiet --constraint constraints.txt "$$(echo dist/*.whl)[agents]"
	cd build/empty && OMP_NUM_THREADS=1 bin/python -I $(CURDIR)/tests/contract/wheel_smoke.py

# Ray and submitit in an environment of their own, so that nothing else is tested with them; missing ones are an error.
cluster-test:
	$(PYTHON) -m venv --clear build/cluster
	build/cluster/bin/pip install --quiet --constraint constraints.txt --editable '.[ray,slurm]' pytest
	build/cluster/bin/python -c 'import ray, submitit'
	OMP_NUM_THREADS=1 timeout 300 build/cluster/bin/python -m pytest tests/benchmarks/test_ray.py tests/benchmarks/test_slurm.py

bench: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks run --suite sudoku-4x4-hard --algos hindsight_trm,ppo,a2c,dqn \
		--seeds 0-2 --steps 20000 --workers $(WORKERS) --out runs/demo --resume

# Scores all entries anew, refuses what it cannot reproduce, and writes the ranking.
scoreboard: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks scoreboard

# The site goes to site/; a broken link or reference is an error.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build dist site *.egg-info
