"""A page's line: who may listen, what they hear, and that nothing is missed without being told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection

from parley.businesses.models import Member
from parley.businesses.signed_in import BACKEND, SessionStore
from parley.live.nudges import nudge
from parley.messaging.sending import send
from tests.people import House
from tests.waiting import SECONDS
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def session_of(member: Member) -> str:
    """A signed-in session, as the sign-in page makes it."""
    session = SessionStore()
    session[SESSION_KEY] = str(member.user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = member.user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


class Page:
    """An open page, as a browser's EventSource hears it."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def hears(self) -> tuple[str, dict[str, object]]:
        """The next event."""
        event, data = "", ""
        async with asyncio.timeout(SECONDS):
            while line := (await self.answer.content.readline()).decode():
                if line == "\n" and event:
                    return event, json.loads(data)
                name, _, value = line.rstrip("\n").partition(": ")
                event, data = (value, data) if name == "event" else (event, value if name == "data" else data)
        raise EOFError


@asynccontextmanager
async def page(web: World, member: Member) -> AsyncIterator[Page]:
    key = await sync_to_async(session_of)(member)
    async with (
        aiohttp.ClientSession(
            cookies={"sessionid": key}, cookie_jar=aiohttp.CookieJar(unsafe=True)
        ) as browser,
        browser.get(f"http://127.0.0.1:{web.port}/events", cookies={"sessionid": key}) as answer,
    ):
        assert answer.status == 200
        listening = Page(answer)
        assert await listening.hears() == ("hello", {})
        yield listening


async def test_strangers_may_not_listen(web: World) -> None:
    async with aiohttp.ClientSession() as browser:
        for cookies in ({}, {"sessionid": "made-up"}):
            async with browser.get(f"http://127.0.0.1:{web.port}/events", cookies=cookies) as answer:
                assert answer.status == 403


async def test_every_page_of_the_business_hears_and_no_other_does(
    web: World, juniper: House, alder: House
) -> None:
    client = await sync_to_async(juniper.client)()
    async with (
        page(web, juniper.owner) as nora,
        page(web, juniper.staff) as jules,
        page(web, alder.owner) as stranger,
    ):
        message = await sync_to_async(send)(juniper.owner, client, channel="sms", body="Hi")
        for one in (nora, jules):
            event, data = await one.hears()
            assert (event, data) == ("change", {"c": [str(message.conversation_id)], "n": False})
        # News comes in the order of the commits: what the stranger hears first is their own.
        own = await sync_to_async(alder.text)(await sync_to_async(alder.client)(), "Hello")
        await sync_to_async(nudge)(alder.business.pk, [own.conversation_id])
        assert await stranger.hears() == ("change", {"c": [str(own.conversation_id)], "n": False})


async def test_a_lost_listen_is_told_to_every_page(web: World, juniper: House) -> None:
    async with page(web, juniper.owner) as nora:

        def cut() -> None:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'parley events' AND datname = current_database()"
                )

        await sync_to_async(cut)()
        assert await nora.hears() == ("resync", {})


async def test_a_stopping_server_lets_its_pages_go(web: World, juniper: House) -> None:
    async with page(web, juniper.owner) as nora:
        stopping = asyncio.create_task(asyncio.to_thread(web.stop, "web"))
        # On busy cores a line may live until its next sign of life.
        assert (await nora.answer.content.read()).replace(b": ping\n\n", b"") == b""
        await stopping
