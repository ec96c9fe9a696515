# The commands of the project; `make` lists them. All a machine needs is Python 3.11 or newer and make.
#
# The first command that needs Python makes .venv and installs the lock into it, checked by hash; stamps in
# .venv remember that, and a changed lock or pyproject.toml makes them stale. Everything runs as
# `.venv/bin/python -m …`, so a checkout may be moved.

.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
# Given to the program that a target runs: make test ARGS="-k budget", make run ARGS="--port 3001".
ARGS :=
# Another interpreter than the first that fits: make run PYTHON=/opt/python/bin/python3
PYTHON :=
# What needs no patience: all of it where the variable of a server is set (.env.example), else what
# needs no server. A test whose server, browser or compiler is not there says so and is skipped.
SERVERS := $(MONGO_DB_URI)$(POSTGRES_URL)$(MYSQL_URL)$(REDIS_URL)$(RABBITMQ_URL)$(KAFKA_BROKER)$(ELASTIC_SEARCH_URL)
QUICK := not slow$(if $(SERVERS),, and not server)
TEST = $(WITH_NODE) $(PY) -m pytest
# Node.js may be the one in .venv (below).
WITH_NODE = PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
HANDWRITTEN := apart.py app.py backends.py cli.py codegen.py upkeep.py commands compiler handlers migrations runtime

# --- for users -----------------------------------------------------------------------------------

.PHONY: run
run: $(VENV)/.run ## start the platform on http://localhost:3000 (PORT to change), embedded, no server needed
	@$(PY) -m cli serve $(ARGS)

# --- for contributors ----------------------------------------------------------------------------

.PHONY: test
test: $(VENV)/.dev ## run all tests that need no server, two at a time; with servers' variables set, those too
	@$(TEST) -n 2 --dist loadgroup -m "$(QUICK)" $(ARGS)

.PHONY: check check-format check-lint check-types check-generated check-specs
check: check-format check-lint check-types check-generated check-specs ## format, lint, types, generated code, specs (-k: all of them)

check-format: $(VENV)/.dev
	@$(PY) -m ruff format --check .

check-lint: $(VENV)/.dev
	@$(PY) -m ruff check .

check-types: $(VENV)/.dev
	@$(PY) -m mypy

check-generated: $(VENV)/.dev
	@$(PY) codegen.py check

check-specs: tools/speclint/node_modules/.package-lock.json
	@$(WITH_NODE) tools/speclint/lint.sh

.PHONY: generate
generate: $(VENV)/.dev ## compile specs/ into generated/
	@$(PY) codegen.py $(ARGS)

.PHONY: format
format: $(VENV)/.dev ## format the source and mend what the linter can
	@$(PY) -m ruff check --fix --exit-zero --quiet .
	@$(PY) -m ruff format .

.PHONY: watch
watch: $(VENV)/.dev ## serve, and start again on a change; a changed spec is compiled first
	@$(PY) -m watchfiles --target-type command '$(PY) codegen.py' specs compiler & \
	compiling=$$!; trap 'kill $$compiling 2>/dev/null' EXIT INT TERM; \
	$(PY) -m watchfiles --filter python --target-type command '$(PY) -m cli serve $(ARGS)' \
		app.py cli.py commands generated handlers runtime

.PHONY: coverage
coverage: $(VENV)/.dev ## branch coverage of the quick tests: the total, and pages in htmlcov/
	@$(TEST) -n 2 --dist loadgroup -m "$(QUICK)" --cov --cov-report=html --cov-report=term:skip-covered $(ARGS)

# --- long ones -----------------------------------------------------------------------------------

.PHONY: slow
slow: $(VENV)/.dev ## run the tests that take long: soak, kill, load
	@$(TEST) -m "slow$(if $(SERVERS),, and not server)" $(ARGS)

.PHONY: faults
faults: $(VENV)/.dev ## kill and pause servers and services under load (FAULTS_CONTROL, FAULTS_ROUNDS, FAULTS_SEED)
	@$(TEST) -s tests/servers/test_faults.py $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## search for longer for requests and specs that break a promise
	@HYPOTHESIS_PROFILE=fuzz $(TEST) -n 2 --dist loadgroup -m "fuzz$(if $(SERVERS),, and not server)" $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev $(VENV)/.node ## measure what a call costs, step by step, and beside other frameworks
	@$(WITH_NODE) $(PY) -m bench $(ARGS)

.PHONY: audit
audit: $(VENV)/.dev ## known vulnerabilities of the locked packages, and a security lint of our own code
	@$(PY) -m bandit --quiet --configfile pyproject.toml --recursive $(HANDWRITTEN)
	@$(PY) -m pip_audit --strict --require-hashes --disable-pip --requirement requirements/dev.lock

# --- the environment -----------------------------------------------------------------------------

.PHONY: lock
lock: $(VENV)/.dev ## write requirements/*.lock after a change of pyproject.toml (ARGS=--upgrade for newer versions)
	@set -e; for each in "run pyproject.toml --build-deps-for=editable" \
		"dev pyproject.toml --all-extras --build-deps-for=editable --constraint=requirements/run.lock" "node requirements/node.in"; do \
		set -- $$each; name=$$1; shift; \
		CUSTOM_COMPILE_COMMAND="make lock" PIP_FIND_LINKS= $(PY) -m piptools compile --quiet --generate-hashes --allow-unsafe \
			--strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
			$(ARGS) --output-file requirements/$$name.lock "$$@"; \
	done

.PHONY: setup
setup: $(VENV)/.dev ## only make .venv with everything in it

.PHONY: clean
clean: ## remove what tools left behind; the data folder stays
	@rm -rf build dist htmlcov *.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .schemathesis
	@find . -path ./$(VENV) -prune -o -name node_modules -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## clean, and remove .venv and node_modules too
	@rm -rf $(VENV)
	@find . -name node_modules -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## list these
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# The locks are complete, so nothing is left to resolve: older pips look past a lock for what names an extra.
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-input --no-deps

# What a server needs. The project itself is linked, not copied: edits are live.
$(VENV)/.run: requirements/run.lock pyproject.toml $(VENV)/.made
	@echo "installing what the server needs into $(VENV) (once; about a minute)" >&2
	@$(INSTALL) --require-hashes --requirement requirements/run.lock
	@$(INSTALL) --no-build-isolation --no-index --editable . >$(VENV)/link.log 2>&1 \
		|| { cat $(VENV)/link.log >&2; exit 1; }
	@touch $@

# What tests, checks and benchmarks need on top.
$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@echo "installing what tests and checks need into $(VENV) (once)" >&2
	@$(INSTALL) --require-hashes --requirement requirements/dev.lock
	@touch $@

# The machine's own Node.js if it is new enough, else one from the lock.
NODE_IS_NEW := const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)
$(VENV)/.node: requirements/node.lock $(VENV)/.made
	@if ! { node -e '$(NODE_IS_NEW)' && npm --version; } >/dev/null 2>&1; then \
		echo "installing Node.js into $(VENV), for there is none of 20.19 or newer (once)" >&2; \
		$(INSTALL) --require-hashes --requirement requirements/node.lock; \
	fi
	@touch $@

# npm writes this file last; `npm ci` installs what the lock says and nothing else.
%/node_modules/.package-lock.json: %/package-lock.json $(VENV)/.node
	@echo "installing $*/node_modules (once)" >&2
	@cd $* && $(WITH_NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# The first interpreter that is new enough and can make an environment; a name on PATH may be a shim
# that starts nothing, so each is asked.
$(VENV)/.made:
	@unable=; \
	for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
		if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then unable="$$unable $$python"; continue; fi; \
		"$$python" -m venv $(VENV) && touch $@ && exit 0; \
		exit 1; \
	done; \
	if [ -n "$$unable" ]; then \
		set -- $$unable; \
		version=$$("$$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "make: $$1 cannot make a virtual environment, for it lacks ensurepip." >&2; \
		echo "      On Debian and Ubuntu: apt-get install python$$version-venv" >&2; \
	else \
		echo "make: no Python 3.11 or newer was found (tried$(if $(PYTHON), $(PYTHON),) python3.11 to python3.14, python3, python)." >&2; \
		echo "      Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	fi; \
	exit 1
