.DEFAULT_GOAL := help
PYTHON ?= python3
RUN := .venv/bin/python
VENDORED := console/static/vendor/manifest.json

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/ready $(VENDORED) ## a demo network, every function once, and what came out
	$(RUN) -m local demo

dev: .venv/ready $(VENDORED) ## the demo network kept running, its schedules and changes firing
	$(RUN) -m local dev

browser: .venv/browser $(VENDORED) ## what tests in a browser need: a driver, axe-core and Debian's Chromium
	$(RUN) -m layers.vendor --browser-tests
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -qq --no-install-recommends chromium; } || \
	  { echo "tests in a browser need Debian's package chromium: install it as root by apt-get install chromium" >&2; exit 1; }

test: .venv/ready $(VENDORED) ## every test, on a real MongoDB
	$(RUN) -m pytest -n 2

check: .venv/ready ## format, lint, types and the house rules
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(RUN) -m local.reference --check
	$(RUN) -m pytest tests/contract

quick: .venv/ready ## tests of pure code, without a database
	$(RUN) -m pytest -n 2 --no-database functions shared relay tests/shared tests/bots tests/topics tests/feed \
	  tests/coldstart tests/stats tests/relay tests/contract/test_house_rules.py tests/contract/test_import_cycles.py

docs: .venv/ready ## write the reference pages anew; CHECK=1 only compares them
	$(RUN) -m local.reference $(if $(CHECK),--check)

bench: .venv/bench $(VENDORED) ## speed, memory and ranking quality beside their floors
	$(RUN) -m benchmarks

package: .venv/ready $(VENDORED) ## compile, lint and measure the deployment, without a cloud
	$(RUN) -m layers.package --stage $(or $(STAGE),prod)

rehearse: .venv/ready $(VENDORED) ## deploy to a stand-in for AWS on this machine, fire everything, prove it
	$(RUN) -m local.rehearsal

requirements: ## pin again what requirements/*.in ask for (needs uv; UPGRADE=--upgrade for newer versions)
	cd requirements && for name in dev base numeric science text trees learn http console runtime relay bench browser rehearsal; do \
	  uv pip compile $(UPGRADE) --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header --quiet \
	    $$(case $$name in dev|rehearsal) ;; *) echo -c dev.txt;; esac) $$(case $$name in base) echo --no-emit-package boto3 --no-emit-package botocore --no-emit-package s3transfer --no-emit-package python-dateutil --no-emit-package six --no-emit-package urllib3;; science) echo --no-emit-package numpy;; text|trees|learn) echo --no-emit-package numpy --no-emit-package scipy --no-emit-package threadpoolctl;; esac) $$name.in -o $$name.txt || exit 1; done

.venv/ready: requirements/dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, and $(PYTHON) is {v[0]}.{v[1]}: name another by PYTHON=")'
	@test ! -L .venv || { echo ".venv is a link; remove it, since what it leads to would be emptied"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.venv/bench: .venv/ready requirements/bench.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

.venv/browser: .venv/ready requirements/browser.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/browser.txt
	@touch $@

$(VENDORED): package-lock.json layers/vendor.py | .venv/ready
	$(RUN) -m layers.vendor
	@touch $@

.PHONY: help demo dev browser test quick check docs bench package rehearse requirements
