"""The thread: what each state says, runs and days, older pages, and what `/live` adds."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from parley.messaging.models import Conversation, Message
from tests.inbox.conftest import FRAME, SIGNED_IN, SignIn
from tests.people import House

HTMX = {"HX-Request": "true"}
PNG = b"\x89PNG\r\n\x1a\n"
# The conversation, its messages, what came along with them, the members, the number for texts, how many are left,
# what is to come, and what the client is asked to pay.
THREAD = 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1
LIST = 3


def item(html: str, message: Message) -> str:
    at = html.index(f'id="m-{message.id}"')
    return html[at : html.index("</li>", at)]


def thread(browser: Browser, message: Message, **query: str) -> str:
    return browser.get(f"/inbox/{message.conversation_id}", query).content.decode()


@pytest.mark.parametrize(
    ("state", "reason", "says", "look"),
    [
        ("queued", "", "Waiting to send", "queued"),
        ("queued", "The number is paused.", "Waiting to send. The number is paused.", "queued"),
        ("sending", "", "Sending", "queued"),
        ("unknown", "", "Checking with the carrier…", "queued"),
        ("accepted", "", "Sent ", "sent"),
        ("sent", "", "Sent ", "sent"),
        ("delivered", "", "Delivered ", "delivered"),
        ("read", "", "Read ", "delivered"),
        ("failed", "It is a landline.", "Not delivered. It is a landline.", "failed"),
        ("undelivered", "", "Not delivered.", "failed"),
        ("canceled", "", "Not sent.", "failed"),
        ("unconfirmed", "", "May not have arrived: the carrier did not confirm.", "unconfirmed"),
    ],
)
def test_each_state_says_itself(
    juniper: House, nora: Browser, state: str, reason: str, says: str, look: str
) -> None:
    maya = juniper.client(email="maya@example.com")
    message = juniper.text(maya, "See you", inbound=False, state=state, reason=reason)
    html = item(thread(nora, message), message)
    assert says in html
    assert f'data-state="{look}"' in html
    assert ("Try again" in html) == (look == "failed")
    assert ("Send again" in html) == (look == "unconfirmed")
    assert ("Send by email" in html) == (look in ("failed", "unconfirmed"))


def test_receipts_name_the_author_unless_it_is_the_reader(
    juniper: House, nora: Browser, sign_in: SignIn
) -> None:
    message = juniper.text(juniper.client(), "See you", inbound=False)
    assert re.search(r"/svg>Delivered \d", item(thread(nora, message), message))
    assert re.search(r"/svg>Nora, delivered \d", item(thread(sign_in(juniper.staff), message), message))


def test_automatic_email_and_subject(juniper: House, nora: Browser) -> None:
    maya = juniper.client()
    automatic = juniper.text(
        maya, "Booked", inbound=False, kind="transactional", title="Booking confirmation", author=None
    )
    email = juniper.text(maya, "Dear Maya", inbound=False, channel="email", subject="Prices", state="sent")
    record = juniper.text(maya, "Ring the bell", inbound=False, subject="Parking")
    html = thread(nora, record)
    assert "Booking confirmation" in item(html, automatic)
    assert "Automatic, delivered" in item(html, automatic)
    assert 'class="subject"' in item(html, email)
    assert "Email sent" in item(html, email)
    assert "Subject, for your own records: </span>Parking" in item(html, record)


def test_addresses_in_words_become_links_and_nothing_else_does(juniper: House, nora: Browser) -> None:
    message = juniper.text(juniper.client(), 'See https://a.example/?q="<b>x</b>" and javascript:alert(1)')
    html = item(thread(nora, message), message)
    assert re.search(r'<a target="_blank" href="https://a\.example/[^"<>]*" rel="nofollow">', html)
    assert "<b>" not in html
    assert 'href="javascript' not in html


def test_days_and_runs(juniper: House, nora: Browser) -> None:
    maya = juniper.client()
    old = juniper.text(maya, "One", minutes_ago=60 * 24 * 3)
    first = juniper.text(maya, "Two", minutes_ago=3)
    second = juniper.text(maya, "Three", minutes_ago=2)
    answer = juniper.text(maya, "Four", inbound=False, minutes_ago=1)
    html = thread(nora, old)
    assert len(re.findall(r'class="day"', html)) >= 2
    assert "data-follows" not in item(html, first)
    assert "data-follows" in item(html, second)
    assert "data-follows" not in item(html, answer)
    assert 'class="receipt"' not in item(html, first), "the run's last bubble says when"
    assert 'class="receipt"' in item(html, second)


@pytest.mark.parametrize("count", [3, 300])
def test_a_thread_costs_the_same_for_3_and_for_300(
    juniper: House, nora: Browser, count: int, django_assert_num_queries
) -> None:
    maya = juniper.client()
    for n in range(count):
        message = juniper.text(maya, f"Text {n}", inbound=n % 3 == 0, minutes_ago=count - n)
        if message.inbound:
            juniper.attach(message, PNG)
            juniper.attach(message)
    with django_assert_num_queries(SIGNED_IN + FRAME + LIST + THREAD):
        thread(nora, message)
    with django_assert_num_queries(SIGNED_IN + THREAD):
        nora.get(f"/inbox/{message.conversation_id}", headers=HTMX)


def test_older_pages_follow_without_gap_or_repeat(juniper: House, nora: Browser) -> None:
    maya = juniper.client()
    texts = [juniper.text(maya, f"Text {n}", minutes_ago=200 - n) for n in range(120)]
    Message.objects.update(at=timezone.now())  # all at once: only the id tells them apart
    html = thread(nora, texts[0])
    pages = [re.findall(r'id="m-([-0-9a-f]+)"', html)]
    while more := re.search(r'hx-get="(/inbox/[-0-9a-f]+/earlier\?before=[-0-9a-f]+)"', html):
        html = nora.get(more[1], headers=HTMX).content.decode()
        page = re.findall(r'id="m-([-0-9a-f]+)"', html)
        assert page[-1] == pages[-1][0], "the first shown comes along again: whether it follows is known now"
        pages.append(page[:-1])
    seen = [id for page in reversed(pages) for id in page]
    assert seen == sorted(str(text.id) for text in texts)


def ask(browser: Browser, message: Message, since, **more) -> str:
    asked = {"c": message.conversation_id, "thread": message.conversation_id, "since": since.isoformat()}
    return browser.get("/live", asked | more).content.decode()


def test_live_adds_what_came_and_what_changed(juniper: House, nora: Browser) -> None:
    maya = juniper.client()
    old = juniper.text(maya, "Old", inbound=False, minutes_ago=600)
    before = juniper.text(maya, "Before", inbound=False, state="sent", minutes_ago=500)
    since = timezone.now() - timedelta(minutes=120)
    assert 'id="m-' not in ask(nora, old, since)
    Message.objects.filter(pk=before.pk).update(state="delivered", changed_at=timezone.now())
    new = juniper.text(maya, "New", minutes_ago=0)
    html = ask(nora, old, since)
    assert "Delivered" in item(html, before)
    assert "New" in item(html, new)
    assert 'id="row-' not in html, "the list was not asked for"
    assert f'id="m-{old.id}"' in html, "the neighbour comes along: its receipt may have gone"


def test_live_brings_rows_counts_and_toasts(juniper: House, nora: Browser, alder: House) -> None:
    maya, theo = juniper.client(), juniper.client("Theo", "Lind", "+15035550121")
    first = juniper.text(maya, "Hi")
    second = juniper.text(theo, "Hello", inbound=False)
    closed = second.conversation_id
    Conversation.objects.filter(pk=closed).update(closed_at=timezone.now())
    for house in (juniper, alder):
        house.business.notifications.create(
            kind="text",
            title=f"For {house.business}",
            words="Hi",
            conversation_id=first.conversation_id,
            created_at=timezone.now(),
        )
    html = nora.get("/live", {"c": [first.conversation_id, closed], "list": "open"}).content.decode()
    assert f'id="row-{first.conversation_id}"' in html
    assert f'data-gone="{closed}"' in html
    assert 'aria-label="1 waiting"' in html
    assert "data-toast" not in html
    news = {"c": first.conversation_id, "news": (timezone.now() - timedelta(seconds=5)).isoformat()}
    html = nora.get("/live", news).content.decode()
    assert "For Juniper" in html
    assert "For Alder" not in html
    html = nora.get("/live", news | {"visible": first.conversation_id}).content.decode()
    assert "data-toast" not in html, "what is open and seen needs no toast"


def test_nonsense_is_answered_calmly(juniper: House, nora: Browser) -> None:
    message = juniper.text(juniper.client(), "Hi")
    for asked in (
        {"c": "x", "list": "nothing", "rows": "-1", "thread": "x", "since": "x", "oldest": "x", "news": "x"},
        {"thread": str(uuid.uuid4()), "since": "2026-01-01"},
        {"thread": str(message.conversation_id), "since": "", "oldest": str(uuid.uuid4()), "rows": "9" * 50},
    ):
        assert nora.get("/live", asked).status_code == 200
    for asked in ({"before": "x"}, {"show": "x", "part": "x"}, {"before": "2026-01-01|x"}):
        assert nora.get("/inbox", asked).status_code == 200
    assert nora.get(f"/inbox/{message.conversation_id}/earlier?before={uuid.uuid4()}").status_code == 404
    assert nora.get("/inbox/not-a-conversation").status_code == 404


def test_going_back_in_the_history_gets_a_whole_page(juniper: House, nora: Browser) -> None:
    message = juniper.text(juniper.client(), "Hi")
    back = HTMX | {"HX-History-Restore-Request": "true"}
    answer = nora.get(f"/inbox/{message.conversation_id}", headers=back)
    assert b"<!doctype html>" in answer.content
    assert "HX-Request" in answer.headers["Vary"]
