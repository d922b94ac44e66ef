# Calls tools, holds no logic. `make` prints this help.
.DEFAULT_GOAL := help
.PHONY: help demo test dev wheel dist lint types test-c fuzz bench vm-test fresh-machine clean FORCE

PYTHON ?= python3
PYTEST_ARGS ?=
# Two environments: .venv sees the checkout, build/venv has the built wheel and is what the tests run against.
DEV := .venv/bin
WHEEL := build/venv/bin

help: ## print this help
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: build/venv/.wheel ## run the example pod examples/hello.yaml
	$(WHEEL)/nsrunner run examples/hello.yaml

test: build/venv/.wheel build/venv/.extras ## run the whole test suite, linters and old kernels included, against the built wheel
	$(WHEEL)/pytest $(PYTEST_ARGS)

dev: .venv/.extras ## virtual environment .venv with the checkout in it, C code built in build/dev (again after an edit of C)
	$(DEV)/python tools/develop.py

# An environment in two steps: what building and running need, and what testing and linting need.
%/.ready: pyproject.toml
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install --quiet 'cffi>=2.1' 'meson>=1.3' 'meson-python>=0.19' ninja
	$*/bin/python tools/requirements.py | xargs -d '\n' $*/bin/python -m pip install --quiet
	@touch $@

%/.extras: %/.ready
	$*/bin/python tools/requirements.py test lint | xargs -d '\n' $*/bin/python -m pip install --quiet
	@touch $@

build/venv/.wheel: build/venv/.ready FORCE
	PATH="$(CURDIR)/$(WHEEL):$$PATH" $(WHEEL)/python -m pip install --quiet --no-deps --no-build-isolation --force-reinstall -Cbuild-dir=build/wheel -Csetup-args=-Dwerror=true .

wheel: build/venv/.wheel ## build the wheel and install it in build/venv

clean: ## remove everything that was built (not .venv)
	rm -rf build dist nsrunner/libexec nsrunner/_native*.so
	find nsrunner tests tools -name __pycache__ -prune -exec rm -rf {} +
