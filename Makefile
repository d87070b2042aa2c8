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
tour: ## The five minutes of the README by themselves, explained and recorded: start the stack, break it, repair dead letters
	@$(PYTHON) -m deploy.tour

.PHONY: run
run: ## The whole system in this terminal, until Ctrl-C (API_PORT=, WRITERS=, PORT_OFFSET=, LISTEN_HOST=, QUEUE_PARTITIONS=, HA=1)
	@$(LOCAL) run

.PHONY: up
up: ## The same in the background; again: as many WRITERS= as asked for, and services whose sources or HOLDFAST_DOMAIN changed restart (HA=1: several of everything)
	@$(LOCAL) up

.PHONY: down
down: ## End what `make up` or `make run` started in this clone
	@$(LOCAL) down

.PHONY: status
status: ## What runs, since when, and whether it is ready
	@$(LOCAL) status

.PHONY: circuit-status
circuit-status: ## Every circuit breaker of every replica: its state, since when, why, when it will probe (API=url)
	@$(LOCAL) circuit-status

.PHONY: logs
logs: ## Follow the logs (ONLY=writer for one program)
	@$(LOCAL) logs

.PHONY: ledger
ledger: ## Is every accepted write accounted for? The ledger, from the running stack's stores
	@$(LOCAL) inside $(VENV) -m holdfast.services.dlq_admin ledger

.PHONY: verify-audit
verify-audit: ## Is the running stack's audit unchanged? Checks its chain of hashes
	@$(LOCAL) inside $(VENV) -m holdfast.services.dlq_admin verify-audit

.PHONY: dlq
dlq: ## A command to the running stack's dlq_admin, with the operator's token (ARGS="groups"; ARGS=--help)
	@$(LOCAL) dlq $(ARGS)

.PHONY: redis
redis: ## redis-cli to the running stack, as the operator (ARGS="queue XLEN {holdfast}:writes"; ARGS=cache)
	@$(LOCAL) redis $(ARGS)

.PHONY: api-key
api-key: venv-local ## A new API key and its line for the keys file (NAME=, SCOPES=read,write; FILE= adds it there)
	@$(VENV) -m holdfast.shared.http.key_file add "$(call needed,NAME,checkout)" "$(or $(SCOPES),read,write)" $(FILE)

.PHONY: api-key-revoke
api-key-revoke: venv-local ## Remove a name's keys from a keys file (NAME=, FILE=.local/secrets/api_keys)
	@$(VENV) -m holdfast.shared.http.key_file revoke "$(call needed,NAME,checkout)" "$(or $(FILE),.local/secrets/api_keys)"

.PHONY: doctor
doctor: ## What this machine has, what is missing, and what to do about it; changes nothing
	@$(LOCAL) doctor

##@ Docker

DIGESTS := $(wildcard deploy/compose/digests.yml)
COMPOSE := docker compose $(DIGESTS:%=-f docker-compose.yml -f %)

.PHONY: docker-build
docker-build: ## Build the images, one for each service
	REVISION=$$(git rev-parse --short HEAD 2>/dev/null || echo unknown) $(COMPOSE) build

.PHONY: docker-pin
docker-pin: ## Pin the pulled images by digest, in deploy/compose/digests.yml, which the other targets then use
	@docker pull --quiet python:3.13-slim && docker compose pull --quiet --ignore-buildable
	@$(PYTHON) -m deploy.compose.pin

.PHONY: docker-run
docker-run: docker-build ## The whole system in containers, in the background (API_PORT=, DLQ_PORT=, GRAFANA_PORT=, DB_DSN=, REDIS_ADDR=)
	$(COMPOSE) up --detach --wait $(SCALE)
	@$(COMPOSE) ps --format 'table {{.Service}}\t{{.Status}}\t{{.Ports}}'

.PHONY: docker-dev
docker-dev: docker-build ## The same in this terminal, until Ctrl-C
	$(COMPOSE) up $(SCALE)

.PHONY: docker-logs
docker-logs: ## Follow their logs (ONLY=writer for one service)
	$(COMPOSE) logs --follow $(ONLY)

.PHONY: docker-restart
docker-restart: ## Restart what runs (ONLY=writer for one service)
	$(COMPOSE) restart $(ONLY)

.PHONY: docker-stop
docker-stop: ## Stop it; the data stays in its volumes
	$(COMPOSE) down

.PHONY: docker-scale
docker-scale: ## Run this many replicas (API=3 WRITERS=4)
	$(COMPOSE) up --detach --no-recreate --wait --scale api=$(or $(API),1) --scale writer=$(or $(WRITERS),1)

.PHONY: docker-key
docker-key: ## The operator's token, for dlq_admin and its console
	@$(COMPOSE) run --rm --no-deps secrets cat /run/holdfast/operator/token

.PHONY: docker-test
docker-test: venv-local ## Check the running containers: confinement, scaling, a replica killed under load, a stop; nothing lost (minutes)
	@$(VENV) -m deploy.compose

##@ Check

.PHONY: check
check: lint types test-grafana test ## Everything that CI runs: lint + types + tests

# A test waits a part of its time, so there are more workers than cores; each has servers of its own.
test: JOBS ?= $(shell echo $$((2 * $$(nproc) + 2)))
simulate verify-mutants: JOBS ?= $(shell echo $$((2 * $$(nproc))))
# Hundreds of processes start: each would compile all sources if none might keep what was compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test
test: ## Every test, against real servers that the tests start themselves, several at a time (JOBS=, ARGS= for pytest)
	@$(LOCAL) setup dev docs
	@$(VENV) -m pytest -n $(JOBS) $(ARGS)

.PHONY: test-failed
test-failed: venv-dev ## The tests that failed last time, one at a time
	@$(VENV) -m pytest --last-failed --last-failed-no-failures none $(ARGS)

.PHONY: test-failover
test-failover: ## Nodes of the stores are killed, moved, wiped and cut off under writes: what became of each write (minutes; ONLY=)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.failover "$(ONLY)"

.PHONY: test-upgrade
test-upgrade: ## A rolling upgrade from the previous release and back, in both orders, under traffic (minutes; ONLY="apis first")
	@$(LOCAL) setup dev
	@$(VENV) -m tests.upgrade "$(ONLY)"

.PHONY: quick
quick: ## Lint, types and the tests of pure code, which need no server (seconds)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint types test-unit

.PHONY: test-unit
test-unit: venv-dev ## The tests of pure code
	@$(VENV) -m pytest -n 2 -q tests/unit tests/architecture $(ARGS)

.PHONY: test-repeat
test-repeat: ## One test N times, until it fails (N=20, TEST=tests/faults/test_both.py::test_hung)
	@$(LOCAL) setup dev
	@$(VENV) -m pytest --repeat $(or $(N),20) --exitfirst $(call needed,TEST,tests/faults/test_both.py) $(ARGS)

.PHONY: lint
lint: venv-dev ## Style, formatting, and which module may import which
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@.venv/bin/lint-imports
	@$(VENV) -m deploy.rules --check
	@$(VENV) -m deploy.dashboards.lint

.PHONY: types
types: venv-dev ## Static types
	@$(VENV) -m mypy

SBOM := $(or $(OUT),.local/sbom)

.PHONY: audit
audit: ## Look up the pinned packages among published advisories; needs the network, not part of check
	@$(LOCAL) setup audit
	@for image in $(IMAGES); do echo "requirements/$$image.txt"; \
		.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements/$$image.txt || exit 1; done

.PHONY: sbom
sbom: ## A CycloneDX bill of materials for each image, from the pins, checked against its schema (OUT=.local/sbom)
	@$(LOCAL) setup sbom
	@$(PYTHON) -m deploy.sbom $(SBOM)
	@.venv-sbom/bin/python -m deploy.sbom.validate $(SBOM)/*.cdx.json

.PHONY: test-kubernetes
test-kubernetes: ## Check the manifests against the published schemas of Kubernetes (seconds)
	@$(LOCAL) setup kubernetes
	@.venv-kubernetes/bin/python -m deploy.kubernetes

.PHONY: test-rules
test-rules: ## Every alert fires when it should and not when it nearly should, in promtool (seconds)
	@$(LOCAL) setup dev
	@$(VENV) -m pytest tests/rules $(ARGS)

.PHONY: test-alerts
test-alerts: ## Outages of a real stack: which alerts fire, after how long, and that they resolve (minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.alerts $(ARGS)

.PHONY: dashboards-verify
dashboards-verify: ## Start everything, break everything, and check what every panel shows (PROMETHEUS=host:port: only check)
	@$(LOCAL) setup dev
	@$(VENV) -m $(if $(PROMETHEUS),deploy.dashboards.verify $(PROMETHEUS),tests.dashboards) $(ARGS)

.PHONY: verify
verify: ## Every promise while everything is broken under load, judged from what clients saw: 0 kept, 1 broken, 2 unknown (FULL=1: ten minutes; ON=containers, ON=ha)
	@$(LOCAL) setup dev $(filter ha,$(ON))
	@$(VENV) -m tests.verify $(if $(FULL),--full) $(if $(ON),--on $(ON)) $(ARGS)

# The seeds FIRST, FIRST+1 ..., JOBS at once; or SEED=n alone with its timeline, CUT="..." of it, SHRINK=1 to the smallest
# part that fails. ARGS=--kept: those that once found something.
.PHONY: simulate
simulate: ## The real services in virtual time, every choice and fault drawn from a seed (SEEDS=200, JOBS=, SEED=n, SHRINK=1)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.simulation $(if $(SEED),--seed $(SEED) $(if $(CUT),--cut "$(CUT)") $(if $(SHRINK),--shrink), \
		--seeds $(or $(SEEDS),200) --first $(or $(FIRST),0) --jobs $(JOBS)) $(ARGS)

.PHONY: verify-mutants
verify-mutants: ## Planted bugs, one at a time, and which proof catches each; none may pass them all (ONLY=name, JOBS=, QUICK=1, ALL=1: every proof for each)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.mutants --jobs $(JOBS) $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--proofs tests) $(if $(ALL),--all) $(ARGS)

##@ Break it

# On the running stack (make up; STACK=docker: make docker-run). What is broken is mended again, however it ends.
# ARGS="--json FILE": a report.
SCENARIO = @$(VENV) -m deploy.scenarios $(if $(STACK),--stack $(STACK)) $(ARGS)

.PHONY: test-database-down
test-database-down: venv-local ## The database stops and comes back: what clients see, step by step
	$(SCENARIO) database-down

.PHONY: test-redis-down
test-redis-down: venv-local ## The queue stops, then the database too: what clients see, step by step
	$(SCENARIO) redis-down

.PHONY: test-error-scenarios
test-error-scenarios: venv-local ## Every kind of error, and its response
	$(SCENARIO) error-scenarios

# Hypothesis, steady state, break, mend, verdict (docs/chaos.md). STACK=docker: in containers. DURATION=, RATE=, ARGS="--json FILE"
CHAOS = @$(VENV) -m deploy.chaos $(ARGS)

.PHONY: chaos-db-kill chaos-db-slow chaos-db-timeout chaos-network-partition chaos-high-latency chaos-memory-pressure \
	chaos-cpu-spike chaos-all chaos-heal chaos-queue-primary-kill chaos-db-primary-kill chaos-queue-partition
chaos-db-kill: venv-local ## kill -9 of the database: writes wait, reads come from copies (STACK=docker, DURATION=)
	$(CHAOS) db-kill
chaos-db-slow: venv-local ## Every reply of the database 800 ms late
	$(CHAOS) db-slow
chaos-db-timeout: venv-local ## The database hangs; no request hangs with it
	$(CHAOS) db-timeout
chaos-network-partition: venv-local ## Writers cut off from the queue, one way and both; then the api from the database
	$(CHAOS) network-partition
chaos-high-latency: venv-local ## The third party slow and failing, the queue jittery
	$(CHAOS) high-latency
chaos-memory-pressure: venv-local ## The queue full; then the kernel kills a writer that is out of memory
	$(CHAOS) memory-pressure
chaos-cpu-spike: venv-local ## Api and writers share a fifth of a core with a burner
	$(CHAOS) cpu-spike
chaos-queue-primary-kill: venv-local ## With HA=1: kill -9 of the queue's primary; a replica takes its place
	$(CHAOS) queue-primary-kill
chaos-db-primary-kill: venv-local ## With HA=1: kill -9 of the database's node in use; the next one goes on
	$(CHAOS) db-primary-kill
chaos-queue-partition: venv-local ## With HA=1: the queue's primary reaches its clients only, and acknowledges nothing
	$(CHAOS) queue-partition
chaos-all: venv-local ## The first seven, short each, and a table
	$(CHAOS) all
chaos-heal: venv-local ## Undo what an interrupted experiment, scenario or load test left broken
	$(CHAOS) heal

.PHONY: test-restore
test-restore: venv-local ## Back the stack up under load, destroy both stores, restore them, and count what is missing (a minute)
	@$(VENV) -m deploy.restore

.PHONY: demo-poison
demo-poison: ## Writes that cannot be applied, of realistic kinds, to repair and replay in the console (N=20)
	@$(PYTHON) -m deploy.poison $(N)

.PHONY: demo-metastable
demo-metastable: ## A stall that naive retries keep alive forever, and what ends it: a table and a chart (seconds)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.metastable --out .local/demo/metastable.svg $(ARGS)

.PHONY: test-grafana
test-grafana: ## Annotations and the check through the real client, in an environment of its own
	@$(LOCAL) setup grafana
	@# The vendor leaves the sockets of calls that were cut off to the garbage collector.
	@.venv-grafana/bin/python -m pytest tests/grafana -W ignore::ResourceWarning \
		-W ignore::pytest.PytestUnraisableExceptionWarning $(ARGS)

.PHONY: test-clients
test-clients: ## Clients made of our documents in Python and TypeScript: types checked, calls made (needs the network and npm; minutes)
	@$(LOCAL) setup dev clients
	@$(VENV) -m tests.clients $(ARGS)

.PHONY: grafana-check
grafana-check: ## Are our data source and dashboards in a running Grafana? (GRAFANA_URL=, HOLDFAST_GRAFANA_TOKEN=)
	@$(LOCAL) setup grafana
	@.venv-grafana/bin/python -m holdfast.shared.telemetry.grafana.check "$(or $(GRAFANA_URL),http://127.0.0.1:3000)" \
		$(if $(wildcard services/dlq_admin/live/grafana),--dashboards services/dlq_admin/live/grafana) $(ARGS)

##@ Load

# On the running stack (make up), or on API=url; faults on containers: STACK=docker. ARGS=--help for every option.
LOAD = @$(VENV) -m deploy.load

.PHONY: load-test
load-test: venv-local ## Steady traffic, and the latency and outcomes for clients (RATE=, DURATION=, MIX=reads=80,writes=18,external=2, TARGETS=, API=url)
	$(LOAD) steady $(ARGS)

.PHONY: load-test-with-failures
load-test-with-failures: venv-local ## The same while database, queue and third party come and go (FAULTS=, FAULT_S=; two minutes)
	$(LOAD) with-failures $(ARGS)

.PHONY: load-test-scaling
load-test-scaling: venv-local ## How fast 1, 2 and 4 writers work off a backlog, and what the limit was (BACKLOG=; two minutes)
	$(LOAD) scaling $(ARGS)

.PHONY: test-recovery-time
test-recovery-time: venv-local ## Detect, contain, resume, drain, steady: each fault REPEATS=5 times (FAULTS=, QUICK=1; twenty minutes)
	$(LOAD) recovery $(ARGS)

.PHONY: benchmark-error-rates
benchmark-error-rates: ## A third party that fails in part: what retries, breakers and fallbacks are worth (QUICK=1, PART=virtual|measured; twenty minutes)
	@$(LOCAL) setup local
	$(LOAD) error-rates $(ARGS)

##@ Measure

.PHONY: bench
bench: ## Every bench of speed, recovery and partial failure, and one table of their aims (an hour; TABLE=1: the table alone)
	@$(if $(TABLE),:,$(MAKE) bench-read bench-write bench-memory bench-degraded test-recovery-time benchmark-error-rates)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.aims

.PHONY: bench-write
bench-write: ## Accept and apply, compared with common alternatives: one table from one run (minutes; OUT=)
	@$(LOCAL) setup dev bench
	@.venv-bench/bin/python -m tests.bench.write --out $(or $(OUT),docs/benchmarks/write.md) $(ARGS)

.PHONY: bench-read
bench-read: ## Reads by id and pages, compared with cache-aside and a plain endpoint; and with a store stopped (six minutes; SECONDS=2, OUT=)
	@$(LOCAL) setup dev bench
	@.venv-bench/bin/python -m tests.bench.read --out $(or $(OUT),docs/benchmarks/read.md) $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

.PHONY: bench-degraded
bench-degraded: ## What clients notice of a database that hangs for ten seconds (two minutes)
	@$(LOCAL) setup dev bench
	@.venv-bench/bin/python -m tests.bench.degraded --out $(or $(OUT),docs/benchmarks/degraded.md) $(ARGS)

.PHONY: bench-dlq
bench-dlq: ## A million dead letters: indexing rate, and how long an operator waits for a page (minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.dlq $(ARGS)
	@$(VENV) -m tests.bench.dlq_replay

.PHONY: bench-ledger
bench-ledger: ## A reading of the ledger at 10,000 and at 10,000,000 operations, compared with a full count (20 minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.ledger $(ARGS)

.PHONY: bench-partitions
bench-partitions: ## What a write costs the nodes of a Redis Cluster, by the number of the queue's partitions (a minute; ARGS="--writes 10000")
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.partitions $(ARGS)

.PHONY: bench-lists
bench-lists: ## Pages at the start, middle and end of a million users and across 300,000 tombstones (ARGS="--entities 10000000"; minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.lists $(ARGS)

.PHONY: bench-costs
bench-costs: ## What one write and one read cost each part of the system; make capacity reads the result (a minute)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.costs $(ARGS)

.PHONY: capacity
capacity: venv-local ## What a load needs, and what is full first (RATE= writes/s, RETENTION= days; READS=, KEYED=, ...: docs/scaling.md)
	@$(VENV) -m deploy.capacity rate=$(RATE) retention=$(RETENTION) reads=$(READS) keyed=$(KEYED) \
		outage_hours=$(OUTAGE_HOURS) growth=$(GROWTH) disk_fsyncs=$(DISK_FSYNCS) database_cores=$(DATABASE_CORES) costs=$(COSTS)

.PHONY: bench-memory
bench-memory: ## What each service holds in memory at rest: RSS, PSS and what is its own (a minute; OUT=)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.memory --out $(or $(OUT),docs/benchmarks/memory.md) $(ARGS)

.PHONY: bench-breaker
bench-breaker: ## The cost of a closed breaker per call, compared with the plain package (seconds)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.breaker $(ARGS)

.PHONY: bench-probes
bench-probes: ## What probes cost a store, in its own CPU time (two minutes)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.probes $(ARGS)

.PHONY: bench-http-client
bench-http-client: ## The HTTP clients that external_proxy could use, compared (a minute)
	@$(LOCAL) setup dev
	@$(VENV) -m tests.bench.http_client $(ARGS)

##@ Develop

.PHONY: setup
setup: ## The environment and the Debian packages, without starting anything
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
docs-build: venv-docs ## The documentation as a site; a broken link or a page without a place in it fails (OUT=.local/site)
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --clean --site-dir $(abspath $(or $(OUT),.local/site))

.PHONY: docs-serve
docs-serve: venv-docs ## The site at http://localhost:8000, anew at each change, until Ctrl-C (DOCS_PORT=)
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs serve --dev-addr 127.0.0.1:$(or $(DOCS_PORT),8000)

.PHONY: dashboards
dashboards: venv-dev ## Generate Grafana's dashboards from deploy/dashboards
	@$(VENV) -m deploy.dashboards

.PHONY: dashboards-preview
dashboards-preview: ## Pictures of the dashboards from the running stack, for the docs (ARGS="--range 5m --dark --out DIR")
	@$(LOCAL) setup dev
	@$(VENV) -m deploy.preview $(ARGS)

.PHONY: screenshots
screenshots: venv-dev ## Every page of the running stack's console, on desk and phone, light and dark (OUT=.local/screenshots)
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
help: ## This list
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
