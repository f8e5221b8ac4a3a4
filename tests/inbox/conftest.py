"""What the Inbox's tests ask for: somebody signed in, and a list of any length."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client as Browser

from parley.businesses.models import Member
from tests.browser import chromium, visit  # noqa: F401
from tests.people import House

# What every page of a member asks: the session, and the user with their memberships.
SIGNED_IN = 2
# What the frame asks: who waits, the bell, the number.
FRAME = 3
# What a page asks that says how many texts are left.
METER = 1

SignIn = Callable[[Member], Browser]


@pytest.fixture
def sign_in(db: None) -> SignIn:
    def enter(member: Member) -> Browser:
        browser = Browser()
        browser.force_login(member.user)
        return browser

    return enter


@pytest.fixture
def nora(juniper: House, sign_in: SignIn) -> Browser:
    """The owner's browser."""
    return sign_in(juniper.owner)


def crowd(house: House, count: int, *, waiting: int = 2) -> None:
    """Conversations with `count` clients, the newest `waiting` of them unanswered."""
    for n in range(count):
        client = house.client("Client", f"Number{n}", f"+1503555{2000 + n}")
        house.text(client, f"Hello from {n}", inbound=n < waiting, minutes_ago=n + 1)


def names(html: str) -> list[str]:
    """The names in the list, in order."""
    return re.findall(r'class="conversation".*?<b>(.*?)</b>', html, re.DOTALL)
