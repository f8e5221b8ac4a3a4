"""What the tests of payments ask for: what happened, and requests of any kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client as Browser

from parley.clients import happened
from parley.clients.happened import Happening
from tests.browser import chromium, visit  # noqa: F401
from tests.people import House


@pytest.fixture
def told() -> Iterator[list[Happening]]:
    """All that is told of clients from here on."""
    kept: list[Happening] = []

    def listener(happening: Happening, **_: object) -> None:
        kept.append(happening)

    happened.listen(listener)
    yield kept
    happened._happened.disconnect(listener)


@pytest.fixture
def nora(juniper: House) -> Browser:
    """The owner's browser."""
    return enter(juniper.owner)


def enter(member: object) -> Browser:
    browser = Browser()
    browser.force_login(member.user)  # type: ignore[attr-defined]
    return browser
