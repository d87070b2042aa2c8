# Self-documenting: `make` lists the targets. The logic is in deploy/local/ (standard library only), not here.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv/bin/python
LOCAL := $(PYTHON) -m deploy.local
ARGS ?=

.DEFAULT_GOAL := help

# $(call needed,NAME,example): the value of NAME, or a sentence that says how to give it.
needed = $(or $($1),$(error $1= is missing: make $@ $1=$2))

# Command-line settings (API_PORT=..., WRITERS=...) reach the recipes as environment variables.

##@ Run

.PHONY: tour
tour: ## Run the README's five-minute tour, explained and recorded: start the stack, break it, repair dead letters
	@$(PYTHON) -m deploy.tour

.PHONY: run
run: ## Run the whole system in this terminal, until Ctrl-C (API_PORT=, WRITERS=, PORT_OFFSET=, LISTEN_HOST=, QUEUE_PARTITIONS=, HA=1)
	@$(LOCAL) run

.PHONY: up
up: ## Run the whole system in the background; if it runs, adjust the number of WRITERS=, and restart services whose sources or HOLDFAST_DOMAIN changed (HA=1: several of everything)
	@$(LOCAL) up

.PHONY: down
down: ## Stop everything that `make up` or `make run` started in this clone
	@$(LOCAL) down

.PHONY: status
status: ## Show what runs, since when, and whether it is ready
	@$(LOCAL) status

.PHONY: circuit-status
circuit-status: ## Show every circuit breaker of every replica: its state, since when, why, and its next probe (API=url)
	@$(LOCAL) circuit-status

.PHONY: logs
logs: ## Follow the logs (ONLY=writer for one program)
	@$(LOCAL) logs

.PHONY: ledger
ledger: ## Show the ledger of the running stack: whether every accepted write is accounted for
	@$(LOCAL) inside $(VENV) -m holdfast.services.dlq_admin ledger

.PHONY: verify-audit
verify-audit: ## Check that the running stack's audit is unchanged, by its chain of hashes
	@$(LOCAL) inside $(VENV) -m holdfast.services.dlq_admin verify-audit

.PHONY: partitions
partitions: ## Change the number of the running stack's queue partitions (N=4); then make down, make up QUEUE_PARTITIONS=4
	@$(LOCAL) inside $(VENV) -m holdfast.services.dlq_admin partitions $(N)

.PHONY: dlq
dlq: ## Run a command of the running stack's dlq_admin, with the operator's token (ARGS="groups"; ARGS=--help)
	@$(LOCAL) dlq $(ARGS)

.PHONY: redis
redis: ## Run redis-cli on the running stack, as the operator (ARGS="queue XLEN {holdfast}:writes"; ARGS=cache)
	@$(LOCAL) redis $(ARGS)

.PHONY: api-key
api-key: venv-local ## Generate an API key and its line for the keys file (NAME=, SCOPES=read,write; FILE= adds the line there)
	@$(VENV) -m holdfast.shared.http.key_file add "$(call needed,NAME,checkout)" "$(or $(SCOPES),read,write)" $(FILE)

.PHONY: api-key-revoke
api-key-revoke: venv-local ## Remove a name's keys from a keys file (NAME=, FILE=.local/secrets/api_keys)
	@$(VENV) -m holdfast.shared.http.key_file revoke "$(call needed,NAME,checkout)" "$(or $(FILE),.local/secrets/api_keys)"

.PHONY: doctor
doctor: ## Report what this machine has, what is missing, and what to do about it; changes nothing
	@$(LOCAL) doctor

##@ Docker

COMPOSE := docker compose
FILES := $(or $(COMPOSE_FILE),docker-compose.yml)
ifneq ($(wildcard deploy/compose/digests.yml),)
override COMPOSE_FILE := $(FILES):deploy/compose/digests.yml
export COMPOSE_FILE
docker-pin: override COMPOSE_FILE := $(FILES)
endif

.PHONY: docker-build
docker-build: ## Build the images, one for each service
	REVISION=$$(git rev-parse --short HEAD 2>/dev/null || echo unknown) $(COMPOSE) build

.PHONY: docker-pin
docker-pin: ## Pin the pulled images by digest, in deploy/compose/digests.yml, which the other targets then use
	@docker pull --quiet python:3.13-slim && docker compose pull --quiet --ignore-buildable
	@$(PYTHON) -m deploy.compose.pin

.PHONY: docker-run
docker-run: docker-build ## Run the whole system in containers, in the background (API_PORT=, DLQ_PORT=, GRAFANA_PORT=; COMPOSE_FILE=: docs/operations/compose.md)
	$(COMPOSE) up --detach --wait $(SCALE)
	@$(COMPOSE) ps --format 'table {{.Service}}\t{{.Status}}\t{{.Ports}}'

.PHONY: docker-dev
docker-dev: docker-build ## Run the whole system in containers, in this terminal, until Ctrl-C
	$(COMPOSE) up $(SCALE)

.PHONY: docker-logs
docker-logs: ## Follow the containers' logs (ONLY=writer for one service)
	$(COMPOSE) logs --follow $(ONLY)

.PHONY: docker-restart
docker-restart: ## Restart the containers (ONLY=writer for one service)
	$(COMPOSE) restart $(ONLY)

.PHONY: docker-stop
docker-stop: ## Stop and remove the containers; the data stay in their volumes
	$(COMPOSE) down

.PHONY: docker-scale
docker-scale: ## Change the number of replicas (API=3 WRITERS=4)
	$(COMPOSE) up --detach --no-recreate --wait --scale api=$(or $(API),1) --scale writer=$(or $(WRITERS),1)

.PHONY: docker-key
docker-key: ## Show the operator's token, for dlq_admin and its console
	@$(COMPOSE) run --rm --no-deps secrets cat /run/holdfast/operator/token

.PHONY: docker-test
docker-test: venv-local ## Check the running containers: confinement, scaling, and no write lost by a killed replica or a stop (minutes)
	@$(VENV) -m deploy.compose

##@ Check

.PHONY: check
check: ## Run everything that CI runs: lint + types + tests
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint types test-grafana venv-docs
	@$(MAKE) --no-print-directory test

# A test waits a part of its time, so there are more workers than cores; each has servers of its own.
test: JOBS ?= $(shell echo $$((2 * $$(nproc) + 2)))
simulate verify-mutants: JOBS ?= $(shell echo $$((2 * $$(nproc))))
# Hundreds of processes start: each would compile all sources if none might keep what was compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test
test: ## Run every test, several at a time, against real servers that the tests start themselves (JOBS=, ARGS= for pytest)
	@$(LOCAL) setup dev docs ha
	@$(VENV) -m pytest -n $(JOBS) $(ARGS)

.PHONY: test-failed
test-failed: ## Run the tests that failed last time, one at a time
	@$(LOCAL) setup dev docs ha
	@$(VENV) -m pytest --last-failed --last-failed-no-failures none $(ARGS)

.PHONY: test-failover
test-failover: ## Kill, move, wipe and cut off nodes of the stores under writes, and show what became of each write (minutes; ONLY=)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.failover "$(ONLY)"

.PHONY: test-upgrade
test-upgrade: ## Test a rolling upgrade from the previous release and back, in both orders, under traffic (minutes; ONLY="apis first")
	@$(LOCAL) setup dev
	@$(VENV) -m tests.upgrade "$(ONLY)"

.PHONY: quick
quick: ## Run lint, types and the tests of pure code, which need no server (seconds)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint types test-unit

.PHONY: test-unit
test-unit: venv-dev ## Run the tests of pure code
	@$(VENV) -m pytest -n 2 -q tests/unit tests/architecture $(ARGS)

.PHONY: test-repeat
test-repeat: ## Run one test N times, or until it fails (N=20, TEST=tests/faults/test_both.py::test_hung)
	@$(LOCAL) setup dev docs ha
	@$(VENV) -m pytest --repeat $(or $(N),20) --exitfirst $(call needed,TEST,tests/faults/test_both.py) $(ARGS)

.PHONY: lint
lint: venv-dev ## Check style, formatting, and which module may import which
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@.venv/bin/lint-imports
	@$(VENV) -m deploy.rules --check
	@$(VENV) -m deploy.dashboards.lint

.PHONY: types
types: venv-dev ## Check static types
	@$(VENV) -m mypy

SBOM := $(or $(OUT),.local/sbom)

.PHONY: audit
audit: ## Look up the pinned packages among published advisories; needs the network, not part of check
	@$(LOCAL) setup audit
	@for image in $(IMAGES); do echo "requirements/$$image.txt"; \
		.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements/$$image.txt || exit 1; done

.PHONY: sbom
sbom: ## Write a CycloneDX bill of materials for each image, from the pinned versions, checked against its schema (OUT=.local/sbom)
	@$(LOCAL) setup sbom
	@$(PYTHON) -m deploy.sbom $(SBOM)
	@.venv-sbom/bin/python -m deploy.sbom.validate $(SBOM)/*.cdx.json

.PHONY: test-kubernetes
test-kubernetes: ## Check the manifests against the published schemas of Kubernetes (seconds)
	@$(LOCAL) setup kubernetes
	@.venv-kubernetes/bin/python -m deploy.kubernetes

.PHONY: test-rules
test-rules: ## Check in promtool that every alert fires when it should, and not when a condition is nearly met (seconds)
	@$(LOCAL) setup dev
	@$(VENV) -m pytest tests/rules $(ARGS)

.PHONY: test-alerts
test-alerts: ## Cause outages of a real stack, and check which alerts fire, after how long, and that they resolve (minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.alerts $(ARGS)

.PHONY: dashboards-verify
dashboards-verify: ## Start everything, break everything, and check what every panel shows (PROMETHEUS=host:port: only check that one)
	@$(LOCAL) setup dev
	@$(VENV) -m $(if $(PROMETHEUS),deploy.dashboards.verify $(PROMETHEUS),tests.dashboards) $(ARGS)

.PHONY: verify
verify: ## Check every promise while everything is broken under load, from what clients saw; exit code 0 kept, 1 broken, 2 unknown (FULL=1: ten minutes; ON=containers, ON=ha)
	@$(LOCAL) setup dev $(filter ha,$(ON))
	@$(VENV) -m tests.verify $(if $(FULL),--full) $(if $(ON),--on $(ON)) $(ARGS)

# The seeds FIRST, FIRST+1 ..., JOBS at once; or SEED=n alone with its timeline, CUT="..." of it, SHRINK=1 to the smallest
# part that fails. ARGS=--kept: those that once found something.
.PHONY: simulate
simulate: ## Run the real services in virtual time, with every choice and fault drawn from a seed (SEEDS=200, JOBS=, SEED=n, SHRINK=1)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.simulation $(if $(SEED),--seed $(SEED) $(if $(CUT),--cut "$(CUT)") $(if $(SHRINK),--shrink), \
		--seeds $(or $(SEEDS),200) --first $(or $(FIRST),0) --jobs $(JOBS)) $(ARGS)

.PHONY: verify-mutants
verify-mutants: ## Plant bugs, one at a time, and show which proof catches each; a bug that passes all proofs is an error (ONLY=name, JOBS=, QUICK=1, ALL=1: every proof for each)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.mutants --jobs $(JOBS) $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--proofs tests) $(if $(ALL),--all) $(ARGS)

##@ Break it

# On the running stack (make up; STACK=docker: make docker-run). What is broken is mended again, however it ends.
# ARGS="--json FILE": a report.
SCENARIO = @$(VENV) -m deploy.scenarios $(if $(STACK),--stack $(STACK)) $(ARGS)

.PHONY: test-database-down
test-database-down: venv-local ## Stop the database and start it again, and show what clients see, step by step
	$(SCENARIO) database-down

.PHONY: test-redis-down
test-redis-down: venv-local ## Stop the queue, then the database too, and show what clients see, step by step
	$(SCENARIO) redis-down

.PHONY: test-error-scenarios
test-error-scenarios: venv-local ## Cause every kind of error, and show its response
	$(SCENARIO) error-scenarios

# Hypothesis, steady state, break, mend, verdict (docs/chaos.md). STACK=docker: in containers. DURATION=, RATE=, ARGS="--json FILE"
CHAOS = @$(VENV) -m deploy.chaos $(ARGS)

.PHONY: chaos-db-kill chaos-db-slow chaos-db-timeout chaos-network-partition chaos-high-latency chaos-memory-pressure \
	chaos-cpu-spike chaos-all chaos-heal chaos-queue-primary-kill chaos-db-primary-kill chaos-queue-partition
chaos-db-kill: venv-local ## Kill the database (kill -9): writes wait, reads come from copies (STACK=docker, DURATION=)
	$(CHAOS) db-kill
chaos-db-slow: venv-local ## Delay every reply of the database by 800 ms
	$(CHAOS) db-slow
chaos-db-timeout: venv-local ## Let the database hang: no request hangs with it
	$(CHAOS) db-timeout
chaos-network-partition: venv-local ## Cut writers off from the queue, in one direction and in both; then the api from the database
	$(CHAOS) network-partition
chaos-high-latency: venv-local ## Make the third party slow and failing, and the queue's latency vary
	$(CHAOS) high-latency
chaos-memory-pressure: venv-local ## Fill the queue; then let the kernel kill a writer that is out of memory
	$(CHAOS) memory-pressure
chaos-cpu-spike: venv-local ## Let the api and the writers share a fifth of a core with a busy process
	$(CHAOS) cpu-spike
chaos-queue-primary-kill: venv-local ## With HA=1: kill the queue's primary (kill -9); a replica takes its place
	$(CHAOS) queue-primary-kill
chaos-db-primary-kill: venv-local ## With HA=1: kill the database node in use (kill -9); the next node takes over
	$(CHAOS) db-primary-kill
chaos-queue-partition: venv-local ## With HA=1: cut the queue's primary off from all but its clients, so that it acknowledges nothing
	$(CHAOS) queue-partition
chaos-all: venv-local ## Run the first seven experiments, each a short one, and show a table
	$(CHAOS) all
chaos-heal: venv-local ## Undo what an interrupted experiment, scenario or load test left broken
	$(CHAOS) heal

.PHONY: test-restore
test-restore: venv-local ## Back the stack up under load, destroy both stores, restore them, and count what is missing (a minute)
	@$(VENV) -m deploy.restore

.PHONY: demo-poison
demo-poison: ## Send realistic writes that cannot be applied, to repair and replay in the console (N=20)
	@$(PYTHON) -m deploy.poison $(N)

.PHONY: demo-metastable
demo-metastable: ## Show a stall that naive retries keep alive forever, and what ends it: a table and a chart (seconds)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.metastable --out .local/demo/metastable.svg $(ARGS)

.PHONY: test-grafana
test-grafana: ## Test annotations and grafana-check through the real client, in an environment of its own
	@$(LOCAL) setup grafana
	@# The vendor leaves the sockets of calls that were cut off to the garbage collector.
	@.venv-grafana/bin/python -m pytest tests/grafana -W ignore::ResourceWarning \
		-W ignore::pytest.PytestUnraisableExceptionWarning $(ARGS)

.PHONY: test-clients
test-clients: ## Generate clients from the OpenAPI documents in Python and TypeScript, check their types and call the services (needs the network and npm; minutes)
	@$(LOCAL) setup dev clients
	@$(VENV) -m tests.clients $(ARGS)

.PHONY: grafana-check
grafana-check: ## Check that our data source and dashboards are in a running Grafana (GRAFANA_URL=, HOLDFAST_GRAFANA_TOKEN=)
	@$(LOCAL) setup grafana
	@.venv-grafana/bin/python -m holdfast.shared.telemetry.grafana.check "$(or $(GRAFANA_URL),http://127.0.0.1:3000)" \
		$(if $(wildcard services/dlq_admin/live/grafana),--dashboards services/dlq_admin/live/grafana) $(ARGS)

##@ Load

# On the running stack (make up), or on API=url; faults on containers: STACK=docker. ARGS=--help for every option.
LOAD = @$(VENV) -m deploy.load

.PHONY: load-test
load-test: venv-local ## Send steady traffic, and report the latency and outcomes for clients (RATE=, DURATION=, MIX=reads=80,writes=18,external=2, TARGETS=, API=url)
	$(LOAD) steady $(ARGS)

.PHONY: load-test-with-failures
load-test-with-failures: venv-local ## Send steady traffic while database, queue and third party fail and return (FAULTS=, FAULT_S=; two minutes)
	$(LOAD) with-failures $(ARGS)

.PHONY: load-test-scaling
load-test-scaling: venv-local ## Measure how fast 1, 2 and 4 writers work off a backlog, and what the limit was (BACKLOG=; two minutes)
	$(LOAD) scaling $(ARGS)

.PHONY: test-recovery-time
test-recovery-time: venv-local ## Measure the phases of recovery (detect, contain, resume, drain, steady), each fault REPEATS=5 times (FAULTS=, QUICK=1; twenty minutes)
	$(LOAD) recovery $(ARGS)

.PHONY: benchmark-error-rates
benchmark-error-rates: ## Measure what retries, breakers and fallbacks are worth while the third party fails in part (QUICK=1, PART=virtual|measured; twenty minutes)
	@$(LOCAL) setup local
	$(LOAD) error-rates $(ARGS)

##@ Measure

.PHONY: bench
bench: ## Run every benchmark of speed, recovery and partial failure, and show results and aims in one table (an hour; TABLE=1: only the table)
	@$(if $(TABLE),:,$(MAKE) bench-read bench-write bench-memory bench-degraded test-recovery-time benchmark-error-rates)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.aims

.PHONY: bench-write
bench-write: ## Measure accepting and applying, compared with common alternatives: one table from one run (minutes; OUT=)
	@$(LOCAL) setup dev bench
	@.venv-bench/bin/python -m tests.bench.write --out $(or $(OUT),docs/benchmarks/write.md) $(ARGS)

.PHONY: bench-read
bench-read: ## Measure reads by id and pages, compared with cache-aside and a plain endpoint, also with a store stopped (six minutes; SECONDS=2, OUT=)
	@$(LOCAL) setup dev bench
	@.venv-bench/bin/python -m tests.bench.read --out $(or $(OUT),docs/benchmarks/read.md) $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

.PHONY: bench-degraded
bench-degraded: ## Measure what clients notice of a database that hangs for ten seconds (two minutes)
	@$(LOCAL) setup dev bench
	@.venv-bench/bin/python -m tests.bench.degraded --out $(or $(OUT),docs/benchmarks/degraded.md) $(ARGS)

.PHONY: bench-dlq
bench-dlq: ## Measure, with a million dead letters, the indexing rate and how long an operator waits for a page (minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.dlq $(ARGS)
	@$(VENV) -m tests.bench.dlq_replay

.PHONY: bench-ledger
bench-ledger: ## Measure a reading of the ledger at 10,000 and at 10,000,000 operations, compared with a full count (20 minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.ledger $(ARGS)

.PHONY: bench-partitions
bench-partitions: ## Measure what a write costs the nodes of a Redis Cluster, by the number of the queue's partitions (a minute; ARGS="--writes 10000")
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.partitions $(ARGS)

.PHONY: bench-lists
bench-lists: ## Measure pages at the start, middle and end of a million users and across 300,000 tombstones (ARGS="--entities 10000000"; minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.lists $(ARGS)

.PHONY: bench-costs
bench-costs: ## Measure what one write and one read cost each part of the system; `make capacity` uses the result (a minute)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.costs $(ARGS)

.PHONY: capacity
capacity: venv-local ## Calculate what a load needs, and which part reaches its limit first (RATE= writes/s, RETENTION= days; READS=, KEYED=, ...: docs/scaling.md)
	@$(VENV) -m deploy.capacity rate=$(RATE) retention=$(RETENTION) reads=$(READS) keyed=$(KEYED) \
		outage_hours=$(OUTAGE_HOURS) growth=$(GROWTH) disk_fsyncs=$(DISK_FSYNCS) database_cores=$(DATABASE_CORES) costs=$(COSTS)

.PHONY: bench-memory
bench-memory: ## Measure each service's memory at rest: RSS, PSS and its private part (a minute; OUT=)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.memory --out $(or $(OUT),docs/benchmarks/memory.md) $(ARGS)

.PHONY: bench-breaker
bench-breaker: ## Measure the cost of a closed breaker per call, compared with the plain package (seconds)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.breaker $(ARGS)

.PHONY: bench-probes
bench-probes: ## Measure what probes cost a store, in its own CPU time (two minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.probes $(ARGS)

.PHONY: bench-http-client
bench-http-client: ## Compare the HTTP clients that external_proxy could use (a minute)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.http_client $(ARGS)

##@ Develop

.PHONY: setup
setup: ## Install the environment and the Debian packages, without starting anything
	@$(LOCAL) setup local dev

.PHONY: fmt
fmt: venv-dev ## Format everything
	@$(VENV) -m ruff check --fix-only --quiet .
	@$(VENV) -m ruff format .

.PHONY: rules
rules: venv-dev ## Generate Prometheus's rules from deploy/rules, for a demo and for production
	@$(VENV) -m deploy.rules

.PHONY: docs
docs: venv-dev ## Generate the reference pages from the code: endpoints, errors, metrics, settings, streams, time budgets
	@$(VENV) -m deploy.reference

.PHONY: migration
migration: venv-local ## Write the revision that new fields of shipped resources need (NAME=add_phone), from the running stack's database (DB_DSN= another)
	@$(LOCAL) migration "$(call needed,NAME,add_phone)"

.PHONY: docs-build
docs-build: venv-docs ## Build the documentation as a site; fails on a broken link, or a page that is not in the navigation (OUT=.local/site)
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --clean --site-dir $(abspath $(or $(OUT),.local/site))

.PHONY: docs-serve
docs-serve: venv-docs ## Serve the site at http://localhost:8000, rebuilt at each change, until Ctrl-C (DOCS_PORT=)
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs serve --dev-addr 127.0.0.1:$(or $(DOCS_PORT),8000)

.PHONY: dashboards
dashboards: venv-dev ## Generate Grafana's dashboards from deploy/dashboards
	@$(VENV) -m deploy.dashboards

.PHONY: dashboards-preview
dashboards-preview: ## Take pictures of the dashboards from the running stack, for the docs (ARGS="--range 5m --dark --out DIR")
	@$(LOCAL) setup dev
	@$(VENV) -m deploy.preview $(ARGS)

.PHONY: screenshots
screenshots: venv-dev ## Take pictures of every page of the running stack's console, on desktop and phone, light and dark (OUT=.local/screenshots)
	@$(VENV) -m deploy.preview --pages --out $(or $(OUT),.local/screenshots)

.PHONY: hooks
hooks: venv-dev ## Run lint and types before each of your commits (undo: pre-commit uninstall)
	@.venv/bin/pre-commit install

.PHONY: release
release: venv-dev ## Check, build and try a wheel, commit and tag (VERSION=1.2.0; CHECKED=1: `make check` has just passed)
	@$(VENV) -m deploy.release "$(call needed,VERSION,1.2.0)" $(if $(CHECKED),--checked)

UV ?= $(firstword $(wildcard .venv/bin/uv) uv)
IMAGES := api writer external_proxy dlq_admin migrate
PIN = $(UV) pip compile $(ARGS) --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --no-annotate --python-version 3.11 --universal
COMPILE = $(PIN) pyproject.toml
EVERYTHING := $(IMAGES:%=--extra %)

.PHONY: lock
lock: ## Pin all requirements with hashes, from pyproject.toml (ARGS=--upgrade for newer versions; needs uv)
	@command -v $(UV) >/dev/null || { echo "uv is missing: pip install uv, or say where it is: make lock UV=..."; exit 1; }
	$(COMPILE) $(EVERYTHING) --group local -o requirements/local.txt
	$(COMPILE) $(EVERYTHING) --group dev -o requirements/dev.txt
	$(COMPILE) $(EVERYTHING) --group bench -c requirements/dev.txt -o requirements/bench.txt
	$(COMPILE) --extra dlq_admin --extra grafana --group grafana-test -c requirements/dev.txt -o requirements/grafana.txt
	$(PIN) --group audit -o requirements/audit.txt
	$(PIN) --group sbom -o requirements/sbom.txt
	$(PIN) --group kubernetes -o requirements/kubernetes.txt
	$(PIN) --group docs -o requirements/docs.txt
	$(PIN) --group clients -o requirements/clients.txt
	for image in $(IMAGES); do $(COMPILE) --extra $$image -c requirements/dev.txt -o requirements/$$image.txt || exit 1; done

.PHONY: clean
clean: ## Delete the environments, the caches and the local stack's data (refuses while the stack runs)
	@$(LOCAL) not-running
	rm -rf .venv .venv-bench .venv-grafana .venv-audit .venv-sbom .venv-docs .venv-clients .venv-kubernetes .local dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## "; print "make TARGET [NAME=value ...]" } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { line = sprintf("  %-24s", $$1); n = split($$2, words, " "); \
			for (i = 1; i <= n; i++) { \
				if (length(line " " words[i]) > 80) { print line; line = sprintf("%26s", "") } \
				line = line " " words[i] } \
			print line }' $(MAKEFILE_LIST)

.PHONY: venv-dev venv-local venv-docs
venv-dev:
	@$(LOCAL) venv dev
venv-local:
	@$(LOCAL) venv local
venv-docs:
	@$(LOCAL) venv docs
