"""The list: who waits, pages, filters, search, previews; and that nobody sees another business's."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client as Browser
from django.utils import timezone

from parley.inbox.search import excerpt
from parley.messaging.models import Conversation
from tests.inbox.conftest import FRAME, SIGNED_IN, SignIn, crowd, names
from tests.people import House

HTMX = {"HX-Request": "true"}
# Waiting, up to date, and the counts of the filters.
LIST = 3


def test_waiting_come_first_then_the_others_newest_first(juniper: House, nora: Browser) -> None:
    crowd(juniper, 5)
    html = nora.get("/inbox").content.decode()
    assert names(html) == [f"Client Number{n}" for n in range(5)]
    assert (
        html.index("Waiting on you")
        < html.index("Number0")
        < html.index("Up to date")
        < html.index("Number2")
    )
    assert 'aria-label="2 waiting"' in html


@pytest.mark.parametrize("count", [3, 300])
def test_a_page_costs_the_same_for_3_and_for_300(
    juniper: House, nora: Browser, count: int, django_assert_num_queries
) -> None:
    crowd(juniper, count)
    with django_assert_num_queries(SIGNED_IN + FRAME + LIST):
        nora.get("/inbox")


def test_pages_follow_each_other_without_gap_or_repeat(juniper: House, nora: Browser) -> None:
    crowd(juniper, 75, waiting=0)
    Conversation.objects.update(last_at=timezone.now())  # all at once: only the id tells them apart
    html, seen = nora.get("/inbox").content.decode(), []
    while True:
        seen += names(html)
        more = re.search(r'hx-get="(/inbox\?show=open&amp;part=rest&amp;before=[^"]+)"', html)
        if not more:
            break
        html = nora.get(more[1].replace("&amp;", "&"), headers=HTMX).content.decode()
    assert len(seen) == len(set(seen)) == 75


def test_filters_and_their_bounded_counts(juniper: House, nora: Browser) -> None:
    crowd(juniper, 105, waiting=1)
    mine = Conversation.objects.get(client__last_name="Number7")
    mine.assignee = juniper.owner
    mine.save()
    closed = Conversation.objects.get(client__last_name="Number8")
    closed.closed_at = timezone.now()
    closed.save()
    html = nora.get("/inbox").content.decode()
    assert re.search(r"Open <small>99\+</small>", html)
    assert "Number8" not in html
    assert names(nora.get("/inbox?show=unread").content.decode()) == ["Client Number0"]
    assert names(nora.get("/inbox?show=mine").content.decode()) == ["Client Number7"]
    assert names(nora.get("/inbox?show=closed").content.decode()) == ["Client Number8"]


def test_previews_say_what_happened(juniper: House, nora: Browser) -> None:
    def row(message) -> str:
        html = nora.get("/inbox?show=open").content.decode()
        at = html.index(f'id="row-{message.conversation_id}"')
        return html[at : html.index("</a>", at)]

    def person(name: str, phone: str, **more):
        return juniper.client(name, "Test", phone, **more)

    assert "You: See you" in row(juniper.text(person("A", "+15035552001"), "See you", inbound=False))
    jules = juniper.text(person("B", "+15035552002"), "Fine", inbound=False, author=juniper.staff)
    assert "Jules: Fine" in row(jules)
    failed = juniper.text(
        person("C", "+15035552003"), "Hm", inbound=False, state="failed", reason="It is a landline."
    )
    assert 'data-tone="danger"' in row(failed)
    assert "Not delivered: It is a landline." in row(failed)
    automatic = juniper.text(
        person("D", "+15035552004"), "…", inbound=False, kind="transactional", title="Reminder", author=None
    )
    assert "#bolt" in row(automatic)
    assert "Reminder, delivered" in row(automatic)
    email = juniper.text(
        person("E", "+15035552005"), "Long", inbound=False, channel="email", subject="Prices"
    )
    assert "#mail" in row(email)
    assert "You: Prices" in row(email)
    stop = juniper.text(person("F", "+15035552006", texting="stopped", email="f@x.example"), "STOP")
    assert "Asked to stop texts. Email still works." in row(stop)
    picture = juniper.text(
        person("G", "+15035552007"), "", media=[{"url": "https://x", "content_type": "image/png"}]
    )
    assert "Photo" in row(picture)


def test_words_of_strangers_stay_words(juniper: House, nora: Browser) -> None:
    evil = "<script>alert(1)</script><hx-partial hx-target='body'>"
    maya = juniper.client("<b>Maya", '"onload=x', "+15035550118")
    message = juniper.text(maya, f"{evil} needle")
    for address in ("/inbox", f"/inbox/{message.conversation_id}", "/inbox?q=needle", "/inbox?q=alert"):
        html = nora.get(address).content.decode()
        assert "<script>alert" not in html
        assert "<hx-partial" not in html
        assert "<b>Maya" not in html


def test_search_names_what_matched(juniper: House, nora: Browser, django_assert_num_queries) -> None:
    maya = juniper.client()
    juniper.text(maya, "Could we start at quarter to three?")
    theo = juniper.client("Theo", "Lind", "+15035550121")
    juniper.text(theo, "The stroller is <i>huge</i>, by the way", minutes_ago=50)
    juniper.text(theo, "Anything else?", inbound=False, minutes_ago=40)

    assert names(nora.get("/inbox?q=oka").content.decode()) == ["Maya Okafor"]
    assert names(nora.get("/inbox?q=0121").content.decode()) == ["Theo Lind"]
    words = nora.get("/inbox?q=stroll").content.decode()
    assert names(words) == ["Theo Lind"]
    assert "In messages" in words
    assert "The <mark>stroll</mark>er is &lt;i&gt;huge&lt;/i&gt;, by the way" in words
    nothing = nora.get("/inbox?q=okafur", headers=HTMX).content.decode()
    assert names(nothing) == []
    assert "Nothing found for “okafur”" in nothing
    for odd in ("&", "'", "(", ":*", "!!", "\x00", "%", "a & | b", "😅"):
        assert nora.get("/inbox", {"q": odd}).status_code == 200
    crowd(juniper, 40)
    with django_assert_num_queries(SIGNED_IN + 4 + 1):
        nora.get("/inbox?q=hello", headers=HTMX)


def test_an_excerpt_is_cut_around_the_match() -> None:
    body = "a " * 60 + "needle" + " b" * 60
    assert "…" in excerpt(body, ["needle"])
    assert "<mark>needle</mark>" in excerpt(body, ["needle"])


def test_nobody_sees_another_business(juniper: House, alder: House, sign_in: SignIn) -> None:
    message = juniper.text(juniper.client(), "Only for Juniper")
    stranger = sign_in(alder.owner)
    html = stranger.get("/inbox").content.decode() + stranger.get("/inbox?q=juniper").content.decode()
    assert "Maya" not in html
    assert "Only for" not in html
    absent = uuid.uuid4()
    for id in (message.conversation_id, absent):
        assert stranger.get(f"/inbox/{id}").status_code == 404
        assert stranger.get(f"/inbox/{id}/earlier?before={message.id}").status_code == 404
        for verb in ("send", "assign", "close", "open", "read", f"again/{message.id}"):
            assert stranger.post(f"/inbox/{id}/{verb}", {"seen": message.id, "body": "x"}).status_code == 404
    asked = {
        "c": message.conversation_id,
        "list": "open",
        "thread": message.conversation_id,
        "news": "2020-01-01",
    }
    live = stranger.get("/live", asked).content.decode()
    assert "Maya" not in live
    assert "Only for" not in live
    assert Conversation.objects.get(pk=message.conversation_id).unread == 1


def test_who_is_not_signed_in_is_sent_to_sign_in(juniper: House) -> None:
    for address in ("/inbox", f"/inbox/{uuid.uuid4()}", "/live", "/notifications"):
        answer = Browser().get(address)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in")
