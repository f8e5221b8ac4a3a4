"""A pytest plugin (`-p tests.postgres`): the tests' own PostgreSQL, started before Django reads its settings.

In a conftest it would be too late: pytest-django loads the settings first, and the tests would run on the
developer's database. A DATABASE_URL that is set already is used as it is; so pytest-xdist's workers, which
inherit the one set here, share the server. Each work tree has its own under var/test-postgres, so two runs in
two trees do not meet. Its data stays between runs: the next start takes a tenth of a second.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from parley.config.embedded_postgres import EmbeddedPostgres
from tests import template

TREE = Path(__file__).resolve().parent.parent
SERVER = pytest.StashKey[EmbeddedPostgres]()
TEMPLATE = pytest.StashKey[subprocess.Popen[bytes]]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start or adopt the server, and say where it is to everything that reads the environment after this."""
    os.environ.setdefault("PARLEY_SECRET_KEY", "only-for-tests-and-known-to-everybody")
    if os.environ.get("DATABASE_URL"):
        return
    server = EmbeddedPostgres(TREE / "var" / "test-postgres", fast=True).start()
    early_config.stash[SERVER] = server
    os.environ["DATABASE_URL"] = server.url


def pytest_configure(config: pytest.Config) -> None:
    """Migrate a database once for all workers, while they collect their tests."""
    if getattr(config.option, "dist", "no") != "no" and "PYTEST_XDIST_WORKER" not in os.environ:
        config.stash[TEMPLATE] = template.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server if this run started it."""
    if made := config.stash.get(TEMPLATE, None):
        made.wait()
    if server := config.stash.get(SERVER, None):
        server.stop()
