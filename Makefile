# Needs only make, a POSIX shell and Python 3.11 to 3.13. Everything else is fetched once, as locked, into .venv.

UV_VERSION := 0.13.9
# What some tests use beside Python packages: `command:Debian package`.
SYSTEM_TOOLS := chromium:chromium promtool:prometheus spin:spin cc:build-essential

PYTHON := .venv/bin/python
READY := .venv/.ready
BENCH_READY := .venv/.ready-bench
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help run test check bench soak clean lock system-tools
.DEFAULT_GOAL := help

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: $(READY) ## start the whole shop: http://localhost:3000
	@exec $(PYTHON) manage.py run

test: $(READY) system-tools ## run every test; ONLY=unit/orders, K=expression, STRICT=1 (a skipped test fails)
	@ONLY='$(ONLY)' K='$(K)' TECHCOMMERCE_STRICT='$(STRICT)' $(PYTHON) -m tests

check: $(READY) ## lint, formatting, types, layers, migrations
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	@for component in gateway legacy products orders; do \
		echo "$$component: makemigrations --check"; \
		$(PYTHON) manage.py $$component makemigrations --check --dry-run --verbosity 0 || exit 1; \
	done

bench: $(BENCH_READY) ## measure; ONLY=name
	@ONLY='$(ONLY)' $(PYTHON) -m tests.benchmarks $(ONLY)

soak: $(READY) ## shop for ten minutes (SECONDS=…) while everything moves and is killed; SEED=… for the same again
	@SECONDS='$(SECONDS)' SEED='$(SEED)' $(PYTHON) -m tests.history

lock: .uv/bin/uv ## lock the newest allowed versions of all dependencies
	.uv/bin/uv lock --upgrade

clean: ## remove what can be made again; the shop's data (.run) stays
	rm -rf .venv .uv .run-test .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): uv.lock pyproject.toml | .uv/bin/uv
	@.ci/python >/dev/null
	@UV_PYTHON_DOWNLOADS=never .uv/bin/uv sync --frozen --quiet --python "$$(.ci/python)"
	@touch $@

# What we are measured against comes on top; whatever syncs again without it takes it away, and it comes back here.
$(BENCH_READY): $(READY)
	@UV_PYTHON_DOWNLOADS=never .uv/bin/uv sync --frozen --quiet --inexact --group bench --python "$$(.ci/python)"
	@touch $@

.uv/bin/uv:
	@.ci/bootstrap-uv $(UV_VERSION)

system-tools:
	@.ci/system-tools $(SYSTEM_TOOLS)
