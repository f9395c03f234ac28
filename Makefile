# Every command that a developer needs. `make` prints them.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

UV := .cache/bin/uv
PYTHON := .venv/bin/python
PYTEST := .venv/bin/pytest
DATA ?=
BOTS ?= 1000
PROMETHEUS ?= http://127.0.0.1:9090
ARGS ?=
export CLUSTER ?= tradingbot
# Where it is set (many images do), each of the thousands of processes here would compile anew all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup format lint types contracts generate fresh unit coverage mutants check stories soak soak-memory soak-operator integration cluster-tests \
        test cluster cluster-down images images-load demo pictures demo-down bench bench-operator release-dry-run

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## bring everything a fresh Debian 12 needs: uv, the locked environment, Debian packages
	@hack/setup/setup

format: ## format the code
	$(PYTHON) -m ruff format
	$(PYTHON) -m ruff check --fix

lint: ## ruff with everything on, and shellcheck
	$(PYTHON) -m ruff format --check --quiet
	$(PYTHON) -m ruff check --quiet
	hack/lint-shell

types: ## mypy, strict
	$(PYTHON) -m mypy --no-error-summary

contracts: ## who may import whom
	.venv/bin/lint-imports --no-logo 2>/dev/null | tail -3; exit $${PIPESTATUS[0]}

generate: ## write what is generated: crds/, docs/reference/, manifests/install.yaml, namespaced/ and monitoring/
	$(PYTHON) -m tradingbot_operator.crdgen
	$(PYTHON) hack/generate/install.py
	$(PYTHON) hack/generate/order_states.py
	$(PYTHON) hack/generate/metrics_reference.py
	$(PYTHON) hack/generate/alert_rules.py
	$(PYTHON) hack/generate/logs_reference.py
	$(PYTHON) hack/dashboards/write.py
	$(PYTHON) hack/chart/write_chart.py
	$(PYTHON) hack/argocd/write_argocd.py

fresh: ## fail when something generated is stale
	$(PYTHON) -m tradingbot_operator.crdgen --check
	$(PYTHON) hack/generate/install.py --check
	$(PYTHON) hack/generate/order_states.py --check
	$(PYTHON) hack/generate/metrics_reference.py --check
	$(PYTHON) hack/generate/alert_rules.py --check
	$(PYTHON) hack/generate/logs_reference.py --check
	$(PYTHON) hack/dashboards/write.py --check
	$(PYTHON) hack/chart/write_chart.py --check
	$(PYTHON) hack/argocd/write_argocd.py --check

unit: ## unit and replay tests, with a seventh of the random examples
	$(PYTEST) -q -n 2 --dist loadfile tests/unit tests/replay

coverage: ## the same with all random examples; fails under 95 % of the branches of what decides and remembers
	mkdir -p .cache/coverage
	$(PYTHON) -m coverage erase
	$(PYTHON) -m coverage run -m pytest -q -n 2 --dist loadfile --hypothesis-profile full tests/unit tests/replay
	$(PYTHON) -m coverage combine -q
	$(PYTHON) -m coverage report
	$(PYTHON) hack/coverage/branches.py

check: lint types contracts fresh unit ## all of the above that changes nothing, but coverage; about a minute

mutants: ## changes orders, positions and risk one expression at a time: a test sees each, or the document says why not
	$(PYTHON) hack/mutants/run.py

stories: ## 2,000 stories of orders under fire at a venue that does its worst; all state dropped 2,000 times
	$(PYTHON) hack/soak/orders.py --stories 2000
	$(PYTHON) hack/soak/crashes.py drops --drops 2000

soak: ## what takes hours: 50,000 stories, 20,000 drops of all state, 3,000 more kills; goes on where it stopped
	$(PYTHON) hack/soak/orders.py --stories 50000 --resume
	$(PYTHON) hack/soak/crashes.py drops --drops 20000 --resume
	$(PYTHON) hack/soak/crashes.py kills --kills 3000 --more

soak-memory: ## two hours of a replayed market at twenty times its speed, with faults: neither memory nor tasks grow
	PYTHONPATH=tests $(PYTHON) -m harness.memory_soak

soak-operator: images-load ## half an hour of random edits, kills, cuts and halts on the local cluster; ARGS='--minutes 5 --seed 1'
	PYTHONPATH=tests:hack/demo $(PYTHON) hack/soak/operator_soak.py $(ARGS)

# They show numbers that a neighbour would spoil.
MEASURED := tests/integration/test_halt_times.py tests/integration/test_metrics_scraped.py tests/bench

integration: ## tests against real sockets, processes and a real API server
	-@hack/cluster/cluster control-plane build
	-@hack/chart/tools
	$(PYTEST) -q -n 3 --dist loadfile tests/integration $(MEASURED:%=--ignore %)
	$(PYTEST) -q $(MEASURED)

# They disturb whatever is beside them.
ALONE := tests/cluster/test_local_cluster.py tests/cluster/test_operator_followed.py tests/cluster/test_node_lost.py \
	tests/cluster/test_alerts_fired.py

cluster-tests: images-load ## tests on the local cluster
	$(PYTEST) -q --timeout 1500 $(ALONE)
	$(PYTEST) -q --timeout 1500 -n 2 --dist worksteal tests/cluster $(ALONE:%=--ignore %)

test: setup lint types contracts fresh coverage stories integration cluster-tests ## everything; what CI runs

cluster: ## start the local cluster (kind); CLUSTER=name for a second one
	@hack/cluster/cluster up

cluster-down: ## remove the local cluster and all that it made
	@hack/cluster/cluster down

images: ## build both images
	@hack/images/build

images-load: images ## build the images and load them into the cluster, which is started where it is not up
	@hack/images/load

demo: setup ## the whole thing on the local cluster; DATA=recording replays a file, MONITORING=1 adds Prometheus
	@hack/demo/demo up $(if $(DATA),--data '$(DATA)') $(if $(MONITORING),--monitoring)

pictures: ## draw docs/images/dashboards from a Prometheus that has data; PROMETHEUS=address
	$(PYTHON) hack/dashboards/draw.py $(PROMETHEUS) $(ARGS)

demo-down: ## remove the demo and its cluster
	@hack/demo/demo down

bench: ## tick to order over loopback, beside a minimal C client
	$(PYTHON) tests/bench/tick_to_order.py

bench-operator: ## the operator with 1,000 bots beside its limits: start, memory, writes, latencies, halt; BOTS=n, ARGS='--json FILE'
	-@hack/cluster/cluster control-plane build
	PYTHONPATH=tests $(PYTHON) tests/bench/operator_scale.py --bots $(BOTS) $(ARGS)

release-dry-run: ## build images and manifests of this version into dist/
	@hack/release/dry-run
