PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
AUDIT := .venv-audit
AUDITORS := $(AUDIT)/.installed

RUNS ?= 1
JOBS ?= 120
FAULTS ?= 12
SEED ?=
MINUTES ?= 30
ENGINE ?= null
CASES ?= 5000
AUDIT_OPTIONS ?=

# Images of Python often set it, and then every program that is started here would compile all of its modules again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test chaos soak upgrade-check fuzz load bench-queue bench-engine bench-watermark openapi alerts audit sbom licences check format install clean

demo: $(INSTALLED)  ## start everything embedded, run real jobs, show a table and a contact sheet
	HF_HUB_OFFLINE=1 $(BIN)/python -m producer.demo

test: $(INSTALLED)  ## the checks, then every test, with real Redis, PostgreSQL and S3 started from wheels
	$(MAKE) --no-print-directory check
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

chaos: $(INSTALLED)  ## random faults on a whole deployment, then the oracle: make chaos RUNS=10, or SEED=7 to repeat
	$(BIN)/python -m tests.chaos --runs $(RUNS) --jobs $(JOBS) --faults $(FAULTS) $(if $(SEED),--seed $(SEED))

soak: $(INSTALLED)  ## steady work with a fault a minute, watched for what grows: make soak MINUTES=3, or ENGINE=pocket
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.soak --minutes $(MINUTES) --engine $(ENGINE) $(if $(SEED),--seed $(SEED))

upgrade-check: $(INSTALLED)  ## an older version beside today's on one database: make upgrade-check OLD=<git ref>
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.upgrade_check $(OLD)

fuzz: $(INSTALLED)  ## requests made up from the OpenAPI document: make fuzz CASES=20000, or SEED=7 for others
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.fuzz --cases $(CASES) $(if $(SEED),--seed $(SEED))

load: $(INSTALLED)  ## submits beside a bare route, status reads, 2,000 waiters; then 10,000 jobs in one request
	$(BIN)/python -m bench.api_load
	$(BIN)/python -m bench.api_bulk

bench-queue: $(INSTALLED)  ## the queue beside Celery and procrastinate
	$(BIN)/python -m pip install --quiet -c constraints.txt --group bench
	$(BIN)/python -m bench.queue_throughput --chart docs/queue-throughput.svg

bench-engine: $(INSTALLED)  ## goodput on a virtual clock, drawn as a chart; the pocket model beside diffusers' pipeline; idle time
	$(BIN)/python -m pip install --quiet -c constraints.txt --group bench
	$(BIN)/python -m bench.engine_goodput --chart docs/engine-goodput.svg
	HF_HUB_OFFLINE=1 $(BIN)/python -m bench.engine_cpu
	HF_HUB_OFFLINE=1 $(BIN)/python -m bench.engine_idle

# --no-deps, because invisible-watermark asks for opencv-python, which would lie over the headless one of the worker;
# so its group names everything that it needs.
bench-watermark: $(INSTALLED)  ## the watermark after all that happens to pictures, beside dwtDctSvd and rivaGan
	$(BIN)/python -m pip install --quiet -c constraints.txt --group bench
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt --group bench-rivals
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m bench.watermark_robustness

# Not straight into the file: one that cannot be made must not empty it.
openapi: $(INSTALLED)  ## write docs/openapi.json anew, after a change of the interface
	$(BIN)/python -m producer.api.document > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

alerts:  ## check the alert rules and play courses of events to them; needs promtool, which comes with Prometheus
	promtool check rules docker/prometheus/alerts.yaml
	promtool test rules docker/prometheus/alerts.test.yaml

# In an environment of their own, so that the list of parts does not list its makers.
audit: $(AUDITORS)  ## known vulnerabilities of every locked version; asks the index's vulnerability service
	$(AUDIT)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict --progress-spinner off $(AUDIT_OPTIONS)

sbom: $(INSTALLED) $(AUDITORS)  ## write sbom.json, the parts of this installation with their licences, as CycloneDX
	$(AUDIT)/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file sbom.json

licences: $(INSTALLED)  ## what the product installs, under which licences; fails for one that asks for our source
	$(BIN)/python -m bench.licences

check: $(INSTALLED)  ## ruff, mypy and the walls between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "inpaintd needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "pip==26.3"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[api,worker,otel,embedded,demo]" --group dev
	touch $@

$(AUDITORS): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet "pip==26.3"
	$(AUDIT)/bin/python -m pip install --quiet -c constraints.txt --group audit
	touch $@

clean:
	rm -rf $(VENV) $(AUDIT) sbom.json demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
