# Two commands on a fresh machine: `make run` and `make test`. Both install what they need into .venv, once.

PYTHON ?= python3
SOURCES := ros2_ws/src/mission_core ros2_ws/src/mission_ros scripts benchmarks launch tests
# SECONDS is also a variable of the shell: only `make run SECONDS=60` counts
RUN_FOR := $(if $(filter command,$(firstword $(origin SECONDS))),--seconds $(SECONDS))

.PHONY: run test lint format lock setup clean

setup: ## make .venv ready; does nothing when it is
	@$(PYTHON) scripts/bootstrap.py

run: setup ## a simulated room with three people, recognised from a gallery of ten
	@.venv/bin/mission up --radar sim --camera sim $(RUN_FOR)

test: setup ## every test, those with real nodes beside the others
	@.venv/bin/python -m pytest --numprocesses 2 --no-loadscope-reorder $(PYTEST_ARGS)

lint: setup ## style and types
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

format: setup
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

lock: ## pin what requirements.in asks for, in a fresh environment
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --disable-pip-version-check -r requirements.in
	.venv-lock/bin/python scripts/lock.py && rm -rf .venv-lock

clean:
	rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log
