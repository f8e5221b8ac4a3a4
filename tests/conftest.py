"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator

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
    """All of Parley and a fresh sandbox, on the test database."""
    web.afresh("sandbox", "texts", "jobs")
    return web


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: a worker that began one last would keep the other waiting."""
    long = {item.path for item in items if {"world", "web"} & set(getattr(item, "fixturenames", ()))}
    items.sort(key=lambda item: (item.path not in long, "test_faults" not in item.path.name))
