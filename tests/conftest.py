"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.people import House, make_house
from tests.world import World, a_world

# Two cores that run two workers and a browser: a slow example is not a wrong one.
settings.register_profile("parley", deadline=None)
settings.load_profile("parley")


@pytest.fixture
def juniper(db: None) -> House:
    """The business that most tests are about."""
    return make_house()


@pytest.fixture
def alder(db: None) -> House:
    """Another business; and a stranger, who must never see anything of Juniper's."""
    return make_house("Alder Physio", "+18555550167", time_zone="America/Toronto", country="CA")


@pytest.fixture(scope="module")
def _web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("web"), "web") as world:
        yield world


@pytest.fixture
def web(transactional_db: None, _web: World) -> Iterator[World]:
    """A real `parley web` on the test database. One process serves a module: starting it takes seconds."""
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


# The files that take longest, longest first (seconds, on two cores, 2026-11-25: 80 down to 15).
LONG = [
    "messaging/test_faults",
    "messaging/test_doubt",
    "inbox/test_walks",
    "walk/test_main_job",
    "messaging/test_end_to_end",
    "messaging/test_attachments",
    "businesses/test_walks",
    "numbers/test_walks",
    "walk/test_brief",
    "messaging/test_hooks",
    "sandbox/test_page",
    "send_message/test_walks",
    "sandbox/test_truth",
    "house/test_up",
    "inbox/test_consent_walks",
    "notifications/test_app",
    "house/test_jobs",
    "house/test_supervisor",
    "quota/test_buying_walk",
    "numbers/test_provisioning",
    "house/test_embedded_postgres",
    "messaging/test_stop_race",
    "messaging/test_email",
    "messaging/test_revoking",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: a worker that began one last would keep the others waiting."""
    place = {Path(__file__).parent / f"{name}.py": n for n, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))
