# Every target sets up what it needs. `make help` lists them.
PYTHON ?= python3.11
PORT ?= 8888
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
TORCH := $(shell sed -n 's/^torch==//p' requirements.lock)

# Quiet, repeatable programs: TensorFlow's start-up notes, tokenizers' fork warnings, MLflow's telemetry
export TF_CPP_MIN_LOG_LEVEL := 2
export TOKENIZERS_PARALLELISM := false
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help course preflight lab test notebooks data bench lock lint clean clean-env

help:  ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' Makefile | expand -t 18

course: $(READY)  ## run all lessons on the bundled data, write build/course/index.html
	@$(BIN)/workshop run

preflight: $(READY)  ## is this machine ready? every red line says what to do
	@$(BIN)/workshop preflight --port $(PORT)

lab: $(READY)  ## check the machine, then open the lessons in JupyterLab
	@$(BIN)/workshop preflight --port $(PORT)
	@$(BIN)/jupyter lab --config jupyter_lab_config.py --port $(PORT) $(LAB_OPTIONS)

test: $(READY)  ## run all checks, as CI does
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/pytest $(TEST_OPTIONS)

notebooks: $(READY)  ## make notebooks/ from lessons/
	@$(BIN)/workshop build

data: $(READY)  ## download the original corpora (the only step that needs a network)
	@$(BIN)/workshop fetch all

bench: $(READY)  ## measure texts, models, training and serving (hours); writes benchmarks/results
	@for name in bundled_texts original_corpora training_speed finetuning serving learning_curve; do $(BIN)/python -m benchmarks.$$name || exit 1; done

lint: $(READY)  ## format and check the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

# One lock for Linux, macOS and Windows. Python is 3.11 only, and torch comes as its CPU build.
lock: $(READY)  ## resolve pyproject.toml into requirements.lock anew
	@mkdir -p build && $(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--no-annotate --no-header -q -o build/lock
	@grep -vE "python_full_version (>=|==) '3.1[2-9]|^(nvidia-|cuda-|triton==)" build/lock > requirements.lock

clean:  ## remove what the course has made (models, pages, logs)
	@rm -rf build

clean-env:  ## remove the environment
	@rm -rf $(VENV)

# The environment: made once, made anew when the lock or the package's description changes.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
		echo "This course needs Python 3.11, and there is no $(PYTHON) here: install it, or run make PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "This course needs Python 3.11, but $(PYTHON) is `$(PYTHON) --version`: run make PYTHON=/path/to/python3.11." >&2; exit 1; }
	@echo "Setting up $(VENV): several minutes, once."
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q torch==$(TORCH) --index-url https://download.pytorch.org/whl/cpu --retries 1 --timeout 15 2>/dev/null \
		|| $(BIN)/pip install -q torch==$(TORCH)
	@$(BIN)/pip install -q -r requirements.lock
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $(READY)
