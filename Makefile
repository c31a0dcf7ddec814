# `make help` lists the commands. Set-up is part of each: it runs once, and again when a lock file changes.
PYTHON ?= python3
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
VENV := .venv/.synced
SAM := .tools/sam/.synced
EMULATOR := .tools/emulator/.synced
BENCH := .tools/bench/.synced
SECURITY := .tools/security/.synced
CORPUS := .tools/corpus/.synced
NODE := node_modules/.package-lock.json
SHARP := benchmarks/node_modules/.package-lock.json
WEB := lockstep/web/node_modules/.package-lock.json
BIN := .venv/bin
# Behind a company's proxy the system knows its certificate; uv asks it only when told.
export UV_SYSTEM_CERTS := 1
# Every function on the emulator is a process that imports boto3: compiled once, it starts in half the time.
unexport PYTHONDONTWRITEBYTECODE
# Each process starts an emulator for the contract tests.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile
# Nothing here talks to AWS; the tools want a region all the same.
OFFLINE := AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0

# Of `make sim`.
SECONDS ?= 120
# Of `make fuzz`.
FILES ?= 10000

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# --- use -------------------------------------------------------------------------------------------------

.PHONY: run
run: setup ## the whole system on this machine: photos in, gray photos out, then it ends
	@$(BIN)/lockstep run

.PHONY: up
up: setup ## the same stack, empty, for you to try by hand until Ctrl-C; what is in it is kept
	@$(BIN)/lockstep up

.PHONY: example
example: setup ## the change feed of another table: readings of sensors, and two loaders, one of which goes wrong
	@$(BIN)/python -m sensor_feed

# SAM dates all that it zips 1980, so byte code that goes by the time of its source would never be taken.
.PHONY: build
build: $(SAM) ## what `make deploy` uploads, in .aws-sam/build (needs Python 3.13, as on Lambda)
	@for python in $(PYTHON313) python3.13 $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.13.*/bin/python3.13; do \
	  home="$$($$python -c 'import sys; print(sys.base_prefix)' 2>/dev/null)" && break; done; \
	if [ -z "$$home" ]; then \
	  echo "make build: needs Python 3.13, the version the functions run on. Install it, or name it: PYTHON313=/path/to/python3.13" >&2; \
	  exit 3; fi; \
	echo "building with $$home/bin/python3.13"; \
	PATH="$$home/bin:$$PATH" $(OFFLINE) .tools/sam/bin/sam build $(if $(BUILD_DIR),--build-dir $(BUILD_DIR)) $(ARGS) || exit; \
	for function in $(or $(BUILD_DIR),.aws-sam/build)/*/; do \
	  "$$home/bin/python3.13" -m compileall -q -f -j 0 --invalidation-mode unchecked-hash \
	    -s "$${function%/}" -p /var/task "$${function%/}" || exit; done

.PHONY: deploy
deploy: build $(VENV) ## deploy to your AWS account for the first time; asks for what it needs to know
	@test -e samconfig.local.toml || cp samconfig.toml samconfig.local.toml
	@SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam deploy --guided --config-file samconfig.local.toml

# Without --guided, SAM keeps what it is not given as the stack has it. The prefix is the one that --guided takes.
.PHONY: upgrade
upgrade: $(SAM) ## deploy this version to a stack that exists, with its settings: STACK=… REGION=…; PARAMETERS="Name=value …" changes some
	@if [ -z "$(STACK)" ] || [ -z "$(REGION)" ]; then \
	  echo "make upgrade: which stack? make upgrade STACK=lockstep REGION=eu-west-1" >&2; exit 2; fi
	@SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam list stack-outputs --stack-name "$(STACK)" --region "$(REGION)" --output json
	@$(MAKE) --no-print-directory build
	@SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam deploy --config-env upgrade --stack-name "$(STACK)" --region "$(REGION)" \
	  --s3-prefix "$(STACK)" $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))

# --- work on it ------------------------------------------------------------------------------------------

.PHONY: test
test: check setup ## everything: static gates, unit, contract, workflow on every engine, simulation, browser, build, end to end
	$(BIN)/pytest $(SIDE_BY_SIDE) --edges-fail-under=100 --edges-report=build/workflow \
	  tests/browser tests/unit tests/contract tests/workflow tests/kit tests/deployment tests/simulation tests/feed tests/fuzz
	$(MAKE) test-engines
	$(MAKE) mutate-asl
	$(MAKE) sim SECONDS=60
	$(MAKE) corpus
	$(MAKE) fuzz
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder tests/e2e tests/examples

.PHONY: test-fast
test-fast: $(VENV) $(EMULATOR) $(WEB) ## the quick part: unit, contract, workflow, a few simulated schedules
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/unit tests/contract tests/workflow tests/simulation/test_schedules.py

.PHONY: test-browser
test-browser: $(VENV) $(NODE) $(WEB) ## the history's page in Chromium, against a fake API; screenshots in build/screens
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/browser

.PHONY: test-engines
test-engines: $(VENV) $(EMULATOR) $(NODE) ## the state machine's cases on the other engines than moto
	$(BIN)/pytest $(SIDE_BY_SIDE) --engine ministack --engine stepfunctions-local \
	  --engine endpoint --engine test-state --sfn-endpoint emulator \
	  tests/workflow/test_cases.py tests/workflow/test_recorded_on_aws.py tests/engines

.PHONY: mutate-asl
mutate-asl: $(VENV) ## change one thing in the state machine after the other: a case has to notice each
	@$(BIN)/python -m tests.workflow.mutate_asl

.PHONY: sim
sim: $(VENV) ## simulate the shipped machine and functions while everything goes wrong, with fresh seeds; SECONDS=600 for longer
	@$(BIN)/python -m tests.simulation search --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

.PHONY: corpus
corpus: $(VENV) $(CORPUS) ## convert the images that Pillow is tested with; the first time, this downloads its source
	$(BIN)/pytest $(SIDE_BY_SIDE) --dist load tests/corpus

.PHONY: fuzz
fuzz: $(VENV) $(CORPUS) ## convert broken images, with a fresh seed: 10,000 of them, or FILES=1000000
	@$(BIN)/python -m tests.fuzz --files $(FILES) $(if $(SEED),--seed $(SEED))

.PHONY: variants
variants: $(VENV) ## break the lock protocol on purpose, one way after the other: what notices it, into docs/reliability.md
	@$(BIN)/python -m tests.simulation variants --write

.PHONY: chaos
chaos: setup ## 300 changes while AWS fails, workers die and events come in any order; CHAOS_SEED=… repeats a plan, not its timing
	@CHAOS_CHANGES=$${CHAOS_CHANGES:-300} CHAOS_KEYS=$${CHAOS_KEYS:-30} $(BIN)/pytest --quiet --capture=no tests/e2e/test_chaos.py

.PHONY: bench
bench: $(VENV) $(BENCH) $(SHARP) ## measure the conversion beside other libraries, and cold starts, into build/bench; ARGS=--quick, ARGS=--write
	@.tools/bench/bin/python -m benchmarks.images $(ARGS)
	@$(BIN)/python -m benchmarks.cold_start
	@$(BIN)/python -m benchmarks.history

.PHONY: cost
cost: $(VENV) ## what Lockstep costs, measured anew, into docs/cost.md; the calculator is python -m benchmarks.cost --help
	@$(BIN)/python -m benchmarks.cost --write

.PHONY: cases
cases: $(VENV) ## the state machine's cases in build/workflow: to read, and as a mock file for AWS Step Functions Local
	@$(BIN)/python -m tests.workflow.write_cases

.PHONY: check
check: $(VENV) $(SAM) $(SECURITY) $(NODE) $(WEB) ## the static gates
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/cfn-lint template.yaml examples/sensor-feed/template.yaml
	$(OFFLINE) .tools/sam/bin/sam validate --lint
	$(OFFLINE) .tools/sam/bin/sam validate --lint --template-file examples/sensor-feed/template.yaml
	.tools/security/bin/checkov --config-file .checkov.yaml
	node_modules/.bin/asl-validator --json-path statemachine/lockstep.asl.json --json-path statemachine/reconcile.asl.json
	cd lockstep/web && ../../node_modules/.bin/biome ci --reporter=summary
	node_modules/.bin/tsc --project lockstep/web

.PHONY: audit
audit: $(VENV) $(SECURITY) ## ask the registries for known vulnerabilities in what the lock files name; not part of `make test`
	@$(BIN)/python -m tests.deployment.audit

.PHONY: format
format: $(VENV) ## format the code, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(UV) ## compile the lock files anew from pyproject.toml
	for group in uv sam emulator security dev bench; do \
	  $(UV) pip compile --quiet --universal --generate-hashes --no-header --group $$group -o requirements/$$group.txt || exit 1; done
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.13 --group functions -o functions/requirements.txt
	npm install --package-lock-only
	npm install --package-lock-only --prefix benchmarks
	npm install --package-lock-only --prefix lockstep/web

.PHONY: clean
clean: ## remove everything that was built or installed here
	rm -rf .venv .tools .aws-sam build node_modules benchmarks/node_modules lockstep/web/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# --- set-up ----------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV) $(SAM) $(EMULATOR) $(WEB) ## install what is needed, into this folder only

.PHONY: python
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Lockstep needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.13 ..." >&2; exit 1; }

.tools/uv/bin/uv: requirements/uv.txt | python
	@echo "installing uv"
	@$(PYTHON) -m venv .tools/uv
	@.tools/uv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@touch $@

define environment
	@echo "installing $(1)"
	@test -x $(1)/bin/python || $(UV) venv --quiet --clear --python $(PYTHON) $(1)
	@$(UV) pip sync --quiet --require-hashes --python $(1)/bin/python $(2)
endef

$(VENV): requirements/dev.txt pyproject.toml | python $(UV)
	$(call environment,.venv,requirements/dev.txt)
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python .venv/bin/python --editable .
	@touch $@

$(SAM): requirements/sam.txt | python $(UV)
	$(call environment,.tools/sam,requirements/sam.txt)
	@touch $@

$(EMULATOR): requirements/emulator.txt | python $(UV)
	$(call environment,.tools/emulator,requirements/emulator.txt)
	@touch $@

$(SECURITY): requirements/security.txt | python $(UV)
	$(call environment,.tools/security,requirements/security.txt)
	@touch $@

$(BENCH): requirements/bench.txt | python $(UV)
	$(call environment,.tools/bench,requirements/bench.txt)
	@touch $@

# Another version of Pillow comes with other images; what is there already is not downloaded again.
$(CORPUS): requirements/dev.txt | $(VENV)
	@$(BIN)/python -m tests.corpus.fetch
	@touch $@

define npm_ci
	@command -v npm >/dev/null || { echo "Lockstep needs Node 20 or newer, with npm" >&2; exit 1; }
	@echo "installing $(1)/node_modules"
	@npm ci --silent --prefix $(1)
	@touch $@
endef

$(NODE): package-lock.json
	$(call npm_ci,.)

$(SHARP): benchmarks/package-lock.json
	$(call npm_ci,benchmarks)

$(WEB): lockstep/web/package-lock.json
	$(call npm_ci,lockstep/web)
