# Every target sets up what it needs. `make help` lists them.
# The first of these that runs and fits makes the environment; or name one: make PYTHON=/path/to/python.
PYTHON ?= python3.13 python3.12 python3.11 python3
PORT ?= 8888
SERVE_PORT ?= 8000
LOOP_OPTIONS ?= data/reviews.csv --text-column review --label-column sentiment --date-column written_at --until 2026-03-01 --label-share 1 --policy workshop_utils/production/policies/classroom.toml
PROCESSES ?= 2
VENV := .venv
BIN := $(VENV)/bin
# Two stamps, one environment: what participants need, and with it what developers need.
READY := $(VENV)/ready
READY_DEV := $(VENV)/ready-dev

# PyTorch's CPU build for Linux says so in its version: 2.13.0+cpu. TORCH_PLAIN=1 takes any build.
TORCH := torch==$(shell sed -n 's/^torch==//p' requirements.lock)
ifeq ($(shell uname -s)$(TORCH_PLAIN),Linux)
TORCH := $(TORCH)+cpu
endif
INSTALL := $(BIN)/pip install -q -c requirements.lock

# Two more environments, each with its own lock: what they need does not go with the course's.
AIRFLOW := .airflow
AIRFLOW_VERSION := 3.3.2
MLFLOW := .mlflow
AIRFLOW_PORT ?= 8080
MLFLOW_PORT ?= 5000

# Quiet, repeatable programs: TensorFlow's start-up notes, tokenizers' fork warnings, MLflow's telemetry
export TF_CPP_MIN_LOG_LEVEL := 2
export TOKENIZERS_PARALLELISM := false
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help course preflight lab serve loop game-day airflow mlflow test check static notebooks data bench claims lock lint clean clean-env

help:  ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' Makefile | expand -t 18

course: $(READY)  ## run all lessons on the bundled data, write build/course/index.html
	@$(BIN)/workshop run

preflight: $(READY)  ## is this machine ready? every red line says what to do
	@$(BIN)/workshop preflight --port $(PORT)

lab: $(READY)  ## check the machine, then open the lessons in JupyterLab
	@$(BIN)/workshop preflight --port $(PORT)
	@$(BIN)/jupyter lab --config jupyter_lab_config.py --port $(PORT) $(LAB_OPTIONS)

serve: $(READY)  ## answer texts over HTTP; trains a quick model first if there is none
	@$(BIN)/workshop serve --port $(SERVE_PORT) $(SERVE_OPTIONS)

loop: $(READY)  ## the whole loop on the reviews, or on your table: LOOP_OPTIONS='my.csv --text-column …'
	@$(BIN)/workshop loop $(LOOP_OPTIONS)

game-day: $(READY)  ## cause twelve faults, see each alarm name its runbook
	@$(BIN)/workshop game-day $(GAME_DAY_OPTIONS)

airflow: $(READY) $(AIRFLOW)/ready  ## monitor and retrain by Apache Airflow: http://127.0.0.1:8080
	@AIRFLOW_PORT=$(AIRFLOW_PORT) dags/standalone.sh

# The store is made by the course's own MLflow, which is of the same version.
mlflow: $(READY) $(MLFLOW)/ready  ## look trials and registered models up: http://127.0.0.1:5000
	@$(BIN)/workshop registry || [ $$? = 3 ]
	@store=$$($(BIN)/python -c 'from workshop_utils.models.tuning.store import tracking_uri; print(tracking_uri())') && \
		echo "MLflow will answer at http://127.0.0.1:$(MLFLOW_PORT) in a few seconds." && \
		exec $(MLFLOW)/bin/mlflow server --backend-store-uri "$$store" --no-serve-artifacts \
			--host 127.0.0.1 --port $(MLFLOW_PORT) --workers 1

# Tests that train or export models, or read all texts; `make check` leaves them to `make test`.
LONG_TESTS := activations attribution bundled_texts classifier cli clients deployment_process devices export fetch finetune nets pretrained score search service_openapi service_process service_sockets service_swaps watch_process wide_cnn

check: static  ## the quick checks, under a minute: format, lint, types, imports, most tests
	@$(BIN)/pytest -q -m "not slow" $(LONG_TESTS:%=--ignore=tests/test_%.py)

# Side by side in two processes, a file in one of them; `make test PROCESSES=0` runs all in one.
test: static  ## run all checks, as CI does
	@$(BIN)/pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(TEST_OPTIONS)

# What runs no code of ours: format, lint, types, and that every import is declared.
static: $(READY_DEV)
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/deptry workshop_utils lessons benchmarks && $(BIN)/deptry tests --exclude build --ignore DEP002,DEP004

notebooks: $(READY)  ## make notebooks/ from lessons/
	@$(BIN)/workshop build

data: $(READY)  ## download the original corpora (the only step that needs a network)
	@$(BIN)/workshop fetch all

bench: $(READY_DEV)  ## measure texts, models, training and serving (hours); writes benchmarks/results
	@for name in bundled_texts original_corpora training_speed finetuning serving runtimes learning_curve own_table monitoring_inputs monitoring_labels monitoring_months retraining_controls retraining_triggers shadow_promotion loop; do $(BIN)/python -m benchmarks.$$name || exit 1; done

claims: $(READY_DEV)  ## run what the lessons claim in three seeds and with shuffled labels
	@$(BIN)/python -m benchmarks.claims

lint: $(READY_DEV)  ## format and check the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --no-annotate --no-header -q $(LOCK_OPTIONS)

# One lock for Python 3.11 to 3.13 on Linux, macOS and Windows. What is pinned stays; LOCK_OPTIONS=--upgrade
# takes newer versions. PyTorch comes as its CPU build, so what only its CUDA build needs is left out.
lock: $(READY_DEV)  ## resolve pyproject.toml into requirements.lock anew
	@mkdir -p build && cp requirements.lock build/lock
	@$(COMPILE) pyproject.toml --all-extras -o build/lock
	@sed -E "/^(nvidia-|cuda-|triton==)|sys_platform == 'emscripten'$$/d" build/lock > requirements.lock
	@echo apache-airflow==$(AIRFLOW_VERSION) | $(COMPILE) - -o airflow.lock
	@sed -n 's/^mlflow-skinny/mlflow/p' requirements.lock | $(COMPILE) - -o mlflow.lock

clean:  ## remove what the course has made (models, pages, logs)
	@rm -rf build

clean-env:  ## remove the environments
	@rm -rf $(VENV) $(AIRFLOW) $(MLFLOW)

# The environment: made once, made anew when the lock or the package's description changes. Participants
# install what serving and the lessons need; the lock only says in which version.
$(READY): requirements.lock pyproject.toml
	@for python in $(PYTHON); do \
		$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && break; \
		python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "This course needs Python 3.11, 3.12 or 3.13, and none of these is one: $(PYTHON). Install one, or run make PYTHON=/path/to/python." >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with `$$python --version`: several minutes, once."; \
	rm -rf $(VENV) && $$python -m venv $(VENV)
	@$(BIN)/pip install -q --no-deps $(TORCH) --extra-index-url https://download.pytorch.org/whl/cpu --retries 1 --timeout 15 || { \
		echo "PyTorch's CPU build cannot be had here; pip's reason stands above. Try again where download.pytorch.org can be reached, or run make TORCH_PLAIN=1 to take the plain build: on Linux it brings 19 packages for NVIDIA cards that the lock does not hold, 4 GB more." >&2; \
		exit 1; \
	}
	@$(INSTALL) --no-deps setuptools && $(INSTALL) --no-build-isolation -e '.[course]'
	@touch $(READY)

$(READY_DEV): $(READY)
	@echo "Adding what developers need to $(VENV)."
	@$(INSTALL) --no-build-isolation -e '.[course,dev,bench]'
	@touch $(READY_DEV)

# Neither needs the course; both are made with its Python.
$(AIRFLOW)/ready $(MLFLOW)/ready: .%/ready: %.lock
	@echo "Setting up .$*: a minute or two, once."
	@rm -rf .$* && $(BIN)/python -m venv .$* && .$*/bin/pip install -q --no-deps -r $*.lock
	@touch $@
