"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from asgiref.sync import SyncToAsync
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.management.color import no_style
from django.db import connection, connections
from django.test import TransactionTestCase
from hypothesis import settings

from parley.businesses.models import Plan
from parley.businesses.plans import make_first_plans
from parley.quota.models import Pack
from parley.quota.packs import make_first_packs
from tests import template
from tests.people import House, make_house
from tests.world import World

# Two cores that run two workers and a browser: a slow example is not a wrong one.
settings.register_profile("parley", deadline=None)
settings.load_profile("parley")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """This process's database is a copy of the one that has been migrated."""
    connection.settings_dict["TEST"] |= {"TEMPLATE": template.ready(), "MIGRATE": False}


# What a migration makes out of the code alone, and no test changes.
KEPT = {"django_content_type", "auth_permission"}
# Made by procrastinate's own SQL, so that Django would leave one test's jobs to the next.
JOBS = {f"procrastinate_{what}" for what in ("jobs", "events", "periodic_defers", "workers")}
USED = """
    SELECT c.relname, pg_relation_size(c.oid) FROM pg_class c
    WHERE c.relname = ANY(%s) AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0
"""
# Rows that are deleted stay in the files: beyond this (bytes) they are emptied as Django does it.
LITTLE = 4_000_000


@pytest.fixture(scope="session", autouse=True)
def _quick_flush() -> Iterator[None]:
    """Between tests that commit, Django truncates every table and tells every application of a migration.

    That is two hundred statements. To delete the few rows, and to make plans and packs again, takes five.
    """
    tables: list[str] = []

    def empty(self: TransactionTestCase) -> None:
        known = connection.introspection
        tables[:] = tables or sorted({*known.django_table_names(True, include_views=False)} - KEPT | JOBS)
        with connection.cursor() as cursor:
            cursor.execute(USED, [tables])
            used = dict(cursor.fetchall())
        if sum(used.values()) > LITTLE:
            statements = connection.ops.sql_flush(no_style(), tables)
        else:
            # Neither foreign keys nor the guards of append-only tables: everything goes.
            deletes = [f"DELETE FROM {connection.ops.quote_name(table)}" for table in used]
            quietly = "SET session_replication_role = replica", "SET session_replication_role = origin"
            statements = ["; ".join([quietly[0], *deletes, quietly[1]])]
        connection.ops.execute_sql_flush(statements)
        make_first_plans(Plan, "default")
        make_first_packs(Pack, "default")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """A hash is slow on purpose, 150 ms and 100 MB each: as many of these tests' time as all that they are about."""
    with pytest.MonkeyPatch.context() as patch:
        for name, least in (("time_cost", 1), ("memory_cost", 64), ("parallelism", 1)):
            patch.setattr(Argon2PasswordHasher, name, least)
        yield


@pytest.fixture
def juniper(db: None) -> House:
    """The business that most tests are about."""
    return make_house()


@pytest.fixture
def alder(db: None) -> House:
    """Another business; and a stranger, who must never see anything of Juniper's."""
    return make_house("Alder Physio", "+18555550167", time_zone="America/Toronto", country="CA")


WEB = pytest.StashKey[World]()


@pytest.fixture(scope="session")
def _web(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("web"), forks=True)
    request.config.stash[WEB] = world
    yield world
    world.close()


def _asks_for_web(module: pytest.Module) -> bool:
    return any("web" in item.fixturenames for item in module.session.items if item.parent is module)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """What a test leaves to the next.

    The thread in which asynchronous tests ask the ORM has a connection of its own: left open, it would be dead after a
    test that ends all sessions, and keep the database from being dropped. `parley web` serves one module after the
    other, and is away in those that know nothing of it.
    """
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
    world = item.config.stash.get(WEB, None)
    if world and not (nextitem and (nextitem.parent is item.parent or _asks_for_web(nextitem.parent))):
        world.stop_all_but()


@pytest.fixture
def web(transactional_db: None, _web: World) -> Iterator[World]:
    """A real `parley web` on the test database. One process serves many tests: starting it takes seconds."""
    if not _web.running("web"):
        _web.start("web")
    yield _web
    # Before the database is emptied, for the loops would go on reading it.
    _web.stop_all_but("web")


@pytest.fixture
def world(web: World) -> World:
    """Parley's roads and a fresh sandbox, on the test database; `parley jobs` is for tests that need it to start."""
    web.afresh("sandbox", "texts")
    return web


# The files that take longest, longest first (2026-11-26).
LONG = [
    "messaging/test_faults",
    "calls/test_walk",
    "campaigns/test_faults",
    "inbox/test_walks",
    "calls/test_with_the_sandbox",
    "messaging/test_doubt",
    "messaging/test_attachments",
    "businesses/test_walks",
    "send_message/test_walks",
    "numbers/test_walks",
    "sandbox/test_page",
    "walk/test_main_job",
    "sandbox/test_truth",
    "house/test_up",
    "house/test_embedded_postgres",
    "house/test_jobs",
    "numbers/test_provisioning",
    "messaging/test_end_to_end",
    "live/test_processes",
    "notifications/test_app",
    "messaging/test_restore",
    "messaging/test_backfill",
    "inbox/test_consent_walks",
    "walk/test_brief",
    "payments/test_walks",
    "house/test_command",
    "alerts/test_walk_handset",
    "campaigns/test_walk",
    "campaigns/test_live",
    "clients/test_walks",
    "clients/test_import",
    "sandbox/test_voice",
    "house/test_supervisor",
    "quota/test_buying_walk",
    "appointments/test_walk",
    "messaging/test_stop_race",
    "alerts/test_walk",
    "alerts/test_clock_kills",
    "messaging/test_hooks",
    "messaging/test_email",
    "messaging/test_revoking",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: a worker that began one last would keep the others waiting."""
    place = {Path(__file__).parent / f"{name}.py": n for n, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))
