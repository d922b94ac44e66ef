# Calls tools, holds no logic. `make` prints this help.
.DEFAULT_GOAL := help
.PHONY: help demo test nightly mutate dev wheel dist lint types test-c fuzz bench vm-test fresh-machine clean FORCE

PYTHON ?= python3
PYTEST_ARGS ?=
# Two environments: .venv sees the checkout, build/venv has the built wheel and is what the tests run against.
ENV ?= .venv
WHEEL := build/venv
INSTALL = -m pip install --quiet

help: ## print this help
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(WHEEL)/.wheel ## run the example pod examples/hello.yaml
	$(WHEEL)/bin/nsrunner run examples/hello.yaml

test: $(WHEEL)/.wheel $(WHEEL)/.extras ## run every test against the built wheel: linters, C tests and older kernels too
	$(WHEEL)/bin/pytest $(PYTEST_ARGS)

nightly: $(ENV)/.extras ## the lifecycle's properties with 10,000 examples each, 300 kills of a daemon, the API's fuzz: three hours
	NSRUNNER_TEST_NIGHTLY=1 $(ENV)/bin/pytest -o faulthandler_timeout=0 -m hypothesis $(PYTEST_ARGS) tests/unit/lifecycle
	NSRUNNER_TEST_NIGHTLY=1 $(ENV)/bin/pytest -o faulthandler_timeout=0 $(PYTEST_ARGS) tests/daemon/test_recovery.py
	NSRUNNER_TEST_NIGHTLY=1 $(ENV)/bin/pytest -o faulthandler_timeout=0 $(PYTEST_ARGS) \
		tests/unit/api/server/test_openapi_fuzz.py tests/unit/api/patch/test_patch_bodies.py

mutate: $(ENV)/.extras ## which mutants of the lifecycle its tests do not notice; all, or those of MUTANTS='nsrunner.lifecycle.probe.*'
	$(ENV)/bin/python tools/requirements.py mutate | xargs -d '\n' $(ENV)/bin/python $(INSTALL)
	rm -rf mutants
	set -f; $(ENV)/bin/mutmut run $(MUTANTS)
	$(ENV)/bin/mutmut results

dev: $(ENV)/.extras ## make .venv, with the checkout in it; again after an edit of C or of pyproject.toml
	$(ENV)/bin/python tools/develop.py

# An environment in two steps: what building and running need, and what testing and linting need.
%/.ready: pyproject.toml
	$(PYTHON) -m venv $*
	$*/bin/python $(INSTALL) 'cffi>=2.1' 'meson>=1.3' 'meson-python>=0.19' ninja
	$*/bin/python tools/requirements.py | xargs -d '\n' $*/bin/python $(INSTALL)
	@touch $@

%/.extras: %/.ready
	$*/bin/python tools/requirements.py test lint | xargs -d '\n' $*/bin/python $(INSTALL)
	@touch $@

$(WHEEL)/.wheel: $(WHEEL)/.ready FORCE
	PATH="$(CURDIR)/$(WHEEL)/bin:$$PATH" $(WHEEL)/bin/python $(INSTALL) --no-deps --force-reinstall \
		--no-build-isolation --config-settings=build-dir=build/wheel --config-settings=setup-args=-Dwerror=true .

wheel: $(WHEEL)/.wheel ## build the wheel and install it in build/venv

dist: $(ENV)/.extras ## build dist/*.tar.gz from the commit, and dist/*.whl from that
	$(ENV)/bin/python -m build --outdir dist

lint: $(ENV)/.extras ## ruff, the layers' contracts, gcc's analyzer
	$(ENV)/bin/ruff check .
	$(ENV)/bin/ruff format --check .
	$(ENV)/bin/lint-imports --no-logo
	PATH="$(CURDIR)/$(ENV)/bin:$$PATH" $(ENV)/bin/python tools/cbuild.py analyze

types: $(ENV)/.extras ## mypy --strict
	$(ENV)/bin/mypy

test-c: $(ENV)/.extras ## C unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	PATH="$(CURDIR)/$(ENV)/bin:$$PATH" $(ENV)/bin/python tools/cbuild.py sanitize --test

fuzz: $(ENV)/.extras ## fuzz the shim's protocol and its logs, and what servers answer to probes, for SECONDS (60) each, under sanitizers
	PATH="$(CURDIR)/$(ENV)/bin:$$PATH" $(ENV)/bin/python tools/cbuild.py sanitize
	build/sanitize/tests/c/fuzz_shim $(or $(SECONDS),60)
	build/sanitize/tests/c/fuzz_http $(or $(SECONDS),60)
	build/sanitize/tests/c/test_logs $(or $(SECONDS),60)

bench: $(WHEEL)/.wheel ## measure against crun, runc and podman in one run; results go to bench/README.md
	$(WHEEL)/bin/python -m bench

vm-test: $(WHEEL)/.wheel $(WHEEL)/.extras ## C tests and a pod on Linux 5.10, 6.1 and 6.12, in QEMU
	$(WHEEL)/bin/pytest $(PYTEST_ARGS) tests/vm

fresh-machine: ## README's two commands in empty roots, of SUITES="bookworm trixie"
	$(PYTHON) tools/fresh_machine.py $(SUITES)

clean: ## remove everything that was built (not .venv)
	rm -rf build dist mutants nsrunner/libexec nsrunner/_native*.so
	find nsrunner tests tools -name __pycache__ -prune -exec rm -rf {} +
