# `make` is the menu; CI runs the same targets. Nothing needs to be installed but Python 3.11, make
# and git: bootstrap.py fetches uv, uv installs what uv.lock pins into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
WORKERS ?= 2
# Tests also wait, for databases and for time to pass: one more than there are cores.
TEST_WORKERS ?= 3
ARGS ?=
NICE ?=
KILLS ?= 500
MINUTES ?= 10
# What `make diff` and `make state` compare with, and the number of builds of `make chaos-readers`.
BASE ?= main
BUILDS ?= 200

UV := .tools/uv
BIN := .venv/bin
VENV := .venv/.ready
# `dbt clean` removes it; the next target that needs it restores it.
READY := dbt_packages/.ready
# uv and dbt leave a developer's machine alone: no other virtual environment, no usage statistics.
unexport VIRTUAL_ENV
# If it is set, every command compiles all of Python again at its start, which takes seconds.
unexport PYTHONDONTWRITEBYTECODE
# Use the machine's certificates, as Python and git do: a company may have its own CA.
export UV_SYSTEM_CERTS := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

# Commands other than signalroom do not read .env themselves; the environment takes precedence.
WITH_ENV = $(if $(wildcard .env),$(BIN)/dotenv -f .env run --no-override --)
# Checks only read files of the repository, whatever warehouse is configured.
UNSET := env -u SIGNALROOM_TARGET -u SIGNALROOM_SCHEMA_PREFIX -u DBT_PROFILES_DIR -u DBT_TARGET
SQLFLUFF := --disable-progress-bar --processes $(WORKERS)
LINT_MODELS := $(BIN)/python -m tests.house.lint_sql $(WORKERS)
# Queries of reports are not dbt models: dbt's templater would skip them silently.
PLAIN := --templater placeholder
MACROS := $(wildcard transform/macros/*.sql transform/tests/generic/*.sql)
MODELS := $(filter-out $(MACROS),$(shell find transform -name '*.sql'))
QUERIES := $(shell find reports -name '*.sql')
CLEAN_MODELS := .venv/.models-clean
CLEAN_QUERIES := .venv/.queries-clean
# Files that differ from BASE, including untracked ones.
CHANGED = $(shell git diff --name-only --diff-filter=d $(BASE); git ls-files --others --exclude-standard)
CHANGED_MODELS = $(filter $(MODELS),$(CHANGED))
CHANGED_PYTHON = $(filter-out tests/%,$(filter %.py,$(CHANGED)))

.PHONY: help install-dev run test test-deep test-quick test-file walks pictures faults fuzz chaos lint lint-changed lint-sql lint-secrets format typecheck backtest bench journeys record-marts audit sbom image-test ci chaos-readers build diff state preview docs docs-serve dev temporal temporal-ui logs-worker restart-worker test-temporal up down logs reset clean

#> Start
# Lines that begin with `#> ` are headings of the menu.
help: ## List the targets
	@awk -F ':.*## ' '/^#> / {printf "\n%s\n", substr($$0, 4)} \
	/^[a-z][a-z-]*:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install-dev: $(READY) ## Set up: uv, the virtual environment .venv, dbt packages
	@echo "SignalRoom is set up in .venv. Next: make run"

run: $(READY) ## Run the main job once and show the result
	@$(BIN)/signalroom run $(ARGS)

#> Test
# Types and SQL are checked while tests wait for something.
test: .lint-first ## Check everything: lint and the tests
	@$(MAKE) -j3 NICE="nice -n 15" typecheck lint-sql .tests

.PHONY: .tests
.tests:
	@$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not deep" $(ARGS)

test-deep: $(READY) .tools/promtool .pooler ## Run the tests that take too long for make test
	@$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder -m deep --ignore tests/scheduler/temporal $(ARGS)

# The pooler of port 6543; if it is missing, its tests are skipped with a notice.
.PHONY: .pooler
.pooler:
	@test -x /usr/sbin/pgbouncer || command -v pgbouncer >/dev/null || test "$$(id -u)" != 0 || \
	apt-get install -qq -y --no-install-recommends pgbouncer >/dev/null

test-quick: $(READY) ## Run the tests that take less than ten seconds each
	@$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow and not deep" $(ARGS)

test-file: $(READY) ## Run one file or folder of tests: FILE=tests/reports
	@test -n "$(FILE)" || { echo "Which one? make test-file FILE=tests/house/test_docs.py"; exit 2; }
	@$(BIN)/pytest $(FILE) $(ARGS)

#> Inspect, stress
walks: $(READY) ## Record four people's walks into target/walks
	@$(BIN)/python -m tests.house.walks

pictures: $(READY) ## Record the pictures of README and docs (docs/images)
	@$(BIN)/python -m tests.house.walks --pictures

faults: $(READY) ## Inject the 62 faults of the matrix, print each outcome
	@$(BIN)/python -m tests.house.fault_matrix $(ARGS)

fuzz: $(READY) ## Feed the CSV readers bytes for MINUTES=10, by coverage
	@$(UV) run --quiet --frozen --group fuzz python -m tests.ingest.s3_exports.fuzz $$(( 60 * $(MINUTES) )) .venv/fuzz

chaos: $(READY) ## Kill the scheduler and children KILLS times, then check
	@$(MAKE) chaos-readers
	@PYTHONPATH=. $(BIN)/python -m tests.scheduler.chaos $(KILLS) $(ARGS)

#> Lint
# One line per check: its name, result and duration; its output only if it fails.
define check
	@start=$$SECONDS; if out=$$($(2) 2>&1); then printf '%-14s ok  %3d s\n' "$(1)" $$((SECONDS - start)); \
	else printf '%s\n' "$$out"; printf '%-14s FAILED\n' "$(1)"; exit 1; fi
endef

lint: .lint-first ## Check client files, words, style, types, SQL: fast first
	@$(MAKE) -j$(WORKERS) typecheck lint-sql

.PHONY: .lint-first
.lint-first: $(READY)
	$(call check,client files,$(CHECK_CLIENT_FILES))
	$(call check,words,$(BIN)/python -m tests.house.words)
	$(call check,style,$(BIN)/ruff check --quiet .)
	$(call check,format,$(BIN)/ruff format --check --quiet .)
	$(call check,imports,$(BIN)/lint-imports)
	$(call check,dead code,$(BIN)/python -m tests.house.dead_code)
	@$(MAKE) -j$(WORKERS) .dbt-project lint-secrets

lint-changed: $(READY) ## The same in seconds, for what differs from BASE=main
	$(call check,client files,$(CHECK_CLIENT_FILES))
	$(call check,words,$(BIN)/python -m tests.house.words)
	$(call check,style,$(BIN)/ruff check --quiet .)
	$(call check,format,$(BIN)/ruff format --check --quiet .)
	$(if $(CHANGED_MODELS),$(call check,SQL,$(UNSET) $(LINT_MODELS) $(CHANGED_MODELS)))
	$(if $(CHANGED_PYTHON),$(call check,types,$(BIN)/mypy))

# SQL is linted again only where it changed since it was last clean; all models after a macro changed.
lint-sql: $(CLEAN_MODELS) $(CLEAN_QUERIES) ## Check the style of SQL (sqlfluff)

$(CLEAN_MODELS): $(READY) $(MODELS) $(MACROS) .sqlfluff dbt_project.yml
	$(call check,SQL,$(NICE) $(UNSET) $(LINT_MODELS) $(if $(filter-out $(MODELS),$?),$(MODELS),$?))
	@touch $@

$(CLEAN_QUERIES): $(VENV) $(QUERIES) .sqlfluff
	$(call check,report SQL,$(NICE) $(UNSET) $(BIN)/sqlfluff lint $(SQLFLUFF) $(PLAIN) $(QUERIES))
	@touch $@

# For the target that sqlfluff compiles to, so that it need not parse again.
.PHONY: .dbt-project
.dbt-project: $(READY)
	$(call check,dbt project,$(UNSET) $(BIN)/dbt --quiet --warn-error parse --no-partial-parse --target lint)

lint-secrets: $(READY) ## Look for keys and passwords in the repository
	$(call check,secrets,$(BIN)/python -m tests.house.keys)

# Checks the client files of data/clients; each error is listed with file, line and reason.
CHECK_CLIENT_FILES = $(BIN)/python -c "import sys; from transform.client_files import mistakes; sys.exit('\n'.join(mistakes()) or None)"

typecheck: $(READY) ## Check types (mypy, strict)
	$(call check,types,$(NICE) $(BIN)/mypy)

format: $(READY) ## Format Python and SQL (ruff, sqlfluff)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(UNSET) $(BIN)/sqlfluff fix $(SQLFLUFF) transform
	$(UNSET) $(BIN)/sqlfluff fix $(SQLFLUFF) $(PLAIN) $(wildcard reports/*/*.sql)

#> Measure, record
backtest: $(READY) ## Run the alert rules over 20 simulated agencies
	@$(BIN)/python -m tests.reports.backtests $(ARGS)

bench: $(READY) ## Measure speed; ARGS="--scale 0.1 --only 1,4 --keep"
	@$(BIN)/python -m tests.bench $(ARGS)

journeys: $(READY) ## Print the files that a day, a file, a job, a report pass
	@$(BIN)/python tests/house/journeys.py

record-marts: $(READY) ## Record the marts for the preview again, after a change
	@$(BIN)/python -m tests.house.record_marts

audit: $(READY) ## Look for known faults in locked packages (needs internet)
	@$(UV) export --quiet --frozen --no-emit-project --no-default-groups --format requirements-txt --output-file .venv/locked.txt
	@$(UV) run --quiet --frozen --isolated --only-group audit pip-audit --strict --disable-pip --require-hashes --requirement .venv/locked.txt

sbom: $(READY) ## Write the bill of materials to target/sbom.json
	@mkdir -p target
	@$(UV) export --quiet --frozen --no-default-groups --preview-features sbom-export --format cyclonedx1.5 --output-file target/sbom.json

image-test: $(READY) ## Build the image, run it alone and by docker-compose.yml
	@$(BIN)/pytest tests/house/test_image.py tests/house/test_compose.py -m deep --timeout 1800 -s $(ARGS)

ci: ## Run what CI runs
	@.ci/run

chaos-readers: $(READY) ## Read marts in a loop through 200 builds on PostgreSQL
	@BUILDS=$(BUILDS) $(BIN)/pytest tests/transform/test_grants.py -k reader_in_a_loop --timeout 7200 $(ARGS)

#> Models and reports
build: $(READY) ## Build and test the models on what is loaded (dbt build)
	@$(BIN)/signalroom build

diff: $(READY) ## Show which cells of the marts differ from BASE=main
	@$(BIN)/python -m transform diff --base $(BASE) $(ARGS)

state: $(READY) ## Save the models of BASE=main, for dbt -s state:modified+
	@$(BIN)/python -m transform state --base $(BASE)

preview: $(READY) ## Show every report; reloads on each save
	@$(BIN)/signalroom preview --serve $(ARGS)

docs: $(READY) ## Write dbt's documentation to target/index.html
	$(WITH_ENV) $(BIN)/dbt docs generate

docs-serve: docs ## The same, served for a browser until Ctrl-C
	$(WITH_ENV) $(BIN)/dbt docs serve --port 8081 --no-browser

#> Run
dev: $(READY) ## Run the scheduler here, in the foreground
	@$(BIN)/signalroom scheduler

temporal: $(READY) ## Run the agency on Temporal here: server, page, one worker
	@$(BIN)/python -m tests.scheduler.temporal.laptop

temporal-ui: ## Open Temporal's page in the browser
	@$(PYTHON) -m webbrowser "$${TEMPORAL_UI_URL:-http://127.0.0.1:8233}"

logs-worker: ## Follow the logs of the workers
	docker compose -f docker-compose.temporal.yml logs --follow --tail 200 worker

restart-worker: ## Restart the workers; each finishes its steps first
	docker compose -f docker-compose.temporal.yml restart worker

test-temporal: $(READY) ## Kill, freeze, stop and time workers on a real server
	@$(BIN)/pytest tests/scheduler/temporal -m deep --timeout 3600 -s $(ARGS)

up: ## Start scheduler and PostgreSQL in containers
	docker compose up --build --detach --wait

down: ## Stop the containers; data stays in their volumes
	docker compose down

logs: ## Follow the logs of the containers
	docker compose logs --follow --tail 200

#> Clean up
reset: ## Remove the local warehouse and outbox
	rm -rf .signalroom .signalroom-demo .signalroom-demo-* .signalroom-temporal

clean: ## Remove generated files; keeps warehouse and outbox
	rm -rf .venv .tools target logs dbt_packages .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# Prometheus' own tool for the tests of docs/monitoring, from Debian's package.
.tools/promtool:
	@mkdir -p .tools; folder="$$(mktemp -d)"; cd "$$folder"; \
	apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb . \
	&& install usr/bin/promtool $(CURDIR)/.tools/promtool; rm -rf "$$folder"

# Repeat the setup only for what changed.
$(VENV): pyproject.toml uv.lock bootstrap.py
	@echo "Setting up Python packages in .venv; the first time takes a minute or two ..."
	@$(PYTHON) bootstrap.py
	@$(UV) sync --frozen $(shell test -t 2 || echo --quiet)
	@touch $@

$(READY): $(VENV) packages.yml package-lock.yml $(wildcard data/clients/*/dbt_project.yml)
	@$(BIN)/dbt --quiet deps
	@touch $@
