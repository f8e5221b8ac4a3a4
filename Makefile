# `make run` and `make test` work on a fresh machine with Python 3.11 and nothing else of ours.
.PHONY: run test faults fmt

run:
	@scripts/install runtime
	@exec .venv/bin/python -m parley up --demo

test:
	@scripts/install dev
	@scripts/install-chromium
	@scripts/test

# Nothing lost, doubled or shown wrong, whatever dies: every fault run at its full size, an hour and a half.
faults:
	@scripts/install dev
	@.venv/bin/python faults/every.py

fmt:
	@scripts/install dev
	@.venv/bin/python -m ruff check --fix --quiet . || true
	@.venv/bin/python -m ruff format --quiet .
