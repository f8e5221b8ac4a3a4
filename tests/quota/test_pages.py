"""The meter and the ledger on screen, who may see them, what it costs; and the way there when texts run out."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import time_machine
from django.test import Client as Browser
from django.utils import timezone

from parley.businesses.models import Business
from parley.messaging.sending import conversation_with, send
from parley.quota import ledger
from parley.quota.models import Entry
from tests.inbox.conftest import FRAME, METER, SIGNED_IN, SignIn
from tests.people import House
from tests.quota.conftest import add_up, on_plan, paid_order
from tests.quota.test_ledger import spend

HTMX = {"HX-Request": "true", "HX-Target": "tr#more"}
# The months, what came and went, the lines, the messages they are about.
LEDGER = 4


def text_of(html: str) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def read(browser: Browser, address: str, status: int = 200) -> str:
    answer = browser.get(address)
    assert answer.status_code == status
    return text_of(answer.content.decode())


def used(business: Business, automatic: int, direct: int, marketing: int) -> None:
    for kind, segments in (("automatic", automatic), ("direct", direct), ("marketing", marketing)):
        spend(business, segments, kind)  # type: ignore[arg-type]


def test_sms_settings_shows_the_meter(juniper: House, nora: Browser) -> None:
    used(juniper.business, 702, 431, 151)
    ledger.credit_order(paid_order(juniper.business, 500))
    html = nora.get("/settings/sms").content.decode()
    page = text_of(html)
    assert "Texts this month Change plan 1,284 of 2,000 segments 716 left" in page
    assert "Automatic 702 Direct 431 Campaigns 151" in page
    assert "And 500 bought texts, which never expire." in page
    assert (
        "If you run out, texts are refused, and not sent later. We tell you first. Buy texts See where texts went"
        in page
    )
    assert 'aria-valuemax="2000" aria-valuenow="1284"' in html
    assert "--share: 35.1%" in html
    assert page.count("not sent this month") == 0
    ledger.refused(juniper.business)
    part = read(nora, "/settings/texts/meter")
    assert part.strip().startswith("Texts this month")
    assert "1 text was not sent this month because none were left." in part


def test_the_plans_words_hold_real_figures(juniper: House, nora: Browser) -> None:
    used(juniper.business, 1, 0, 0)
    figures = "1 is used this month and 1,999 are left"
    assert f"comes with 2,000 segments a month. {figures}." in read(nora, "/apps/texting")
    assert figures in read(nora, "/settings/business")


def test_the_ledger_says_where_texts_went(juniper: House, nora: Browser) -> None:
    maya = juniper.client()
    on_plan(juniper.business, 3)
    message = send(juniper.owner, maya, channel="sms", body="Hello")
    ledger.credit_order(paid_order(juniper.business, 500))
    ledger.give(juniper.business, 5, "For <waiting>")
    lost = spend(juniper.business, 4, "automatic")
    ledger.refund([lost])
    on_plan(juniper.business, 10)
    html = nora.get("/settings/texts").content.decode()
    page = text_of(html)
    assert "The month’s texts +10 Bought +500 Given +5 Automatic −4 Direct −1 Came back +4" in page
    told = [text_of(row) for row in re.findall(r"<tr><td>.*?</td>(<td>.*?)</tr>", html)]
    assert [" ".join(row.split()) for row in told] == [
        "A larger plan: Plan of 10 +7",
        "Came back, not sent ( 2 of them bought ) +4".replace("( ", "(").replace(" )", ")"),
        "Automatic text (2 of them bought) −4",
        "Given: For &lt;waiting&gt; +5",
        "Bought +500",
        "Direct text to Maya Okafor −1",
        "The month’s texts +3",
    ]
    assert f'href="/inbox/{message.conversation_id}#m-{message.pk}"' in html


def test_months_one_at_a_time(juniper: House, nora: Browser) -> None:
    assert "Nothing yet" in read(nora, "/settings/texts")
    now = timezone.now().replace(day=15)
    months = [now - timedelta(days=61), now - timedelta(days=31), now]
    on_plan(juniper.business, 9)
    for place, at in enumerate(months):
        with time_machine.travel(at, tick=False):
            used(juniper.business, place + 1, 0, 0)
    first, second, third = (f"{at:%B %Y}" for at in months)
    page = read(nora, "/settings/texts")
    assert f"{third} {second} The month’s texts +9 Automatic −3 When" in page
    page = read(nora, f"/settings/texts?month={months[1]:%Y-%m}")
    assert f"{second} {first} {third} The month’s texts +9 Automatic −2 Not used −7 When" in page
    page = read(nora, f"/settings/texts?month={months[0]:%Y-%m}")
    assert f"{first} {second} The month’s texts +9 Automatic −1 Not used −8 When" in page
    for nonsense in ("1999-01", "x", "2026-13"):
        assert f"{third} {second} The" in read(nora, f"/settings/texts?month={nonsense}")


def test_pages_of_50_and_each_costs_the_same(
    juniper: House, alder: House, nora: Browser, django_assert_num_queries
) -> None:
    ledger.balance(juniper.business)
    spend(alder.business)
    month = ledger.month_of(juniper.business)
    for count in (3, 120):
        Entry.objects.bulk_create(
            Entry(
                business=juniper.business,
                kind="spent",
                month=month,
                monthly=-1,
                bought=0,
                used_for="direct",
                message_id=uuid.uuid4(),
                at=timezone.now(),
            )
            for _ in range(count)
        )
        with django_assert_num_queries(SIGNED_IN + FRAME + METER + LEDGER):
            html = nora.get("/settings/texts").content.decode()
    seen = []
    while True:
        seen.append(html.count("Direct text"))
        more = re.search(r'hx-get="(\?month=[^"]+)"', html)
        if not more:
            break
        with django_assert_num_queries(SIGNED_IN + LEDGER - 1):
            html = nora.get("/settings/texts" + more[1].replace("&amp;", "&"), headers=HTMX).content.decode()
        assert "<html" not in html
    assert seen == [50, 50, 23]


def test_only_its_managers_see_it(juniper: House, alder: House, nora: Browser, sign_in: SignIn) -> None:
    spend(juniper.business, 7)
    for address in ("/settings/texts", "/settings/texts/meter"):
        assert Browser().get(address).status_code == 302
        assert "Ask Nora Kim to change this." in read(sign_in(juniper.staff), address, 403)
        assert "1,993" not in read(sign_in(alder.owner), address)
    first = Entry.objects.get(business=juniper.business, kind="spent").id
    assert "Nothing yet" in read(sign_in(alder.owner), f"/settings/texts?before={first + 1}")


def test_when_none_are_left_it_is_said_before_anybody_writes(
    juniper: House, nora: Browser, sign_in: SignIn
) -> None:
    client = juniper.client(email="maya@okafor.example")
    on_plan(juniper.business, 1)
    pages = [f"/inbox/{conversation_with(client).pk}", f"/send-message/{client.pk}"]
    for page in pages:
        assert "No texts are left" not in nora.get(page).content.decode()
    spend(juniper.business)
    for page in pages:
        owners, staffs = (b.get(page).content.decode() for b in (nora, sign_in(juniper.staff)))
        assert "No texts are left. They start over on" in owners
        assert 'href="/settings/texts/buy"' in owners
        assert "Ask an owner or admin to buy more." not in owners
        assert "No texts are left. They start over on" in staffs
        assert 'href="/settings/texts/buy"' not in staffs
        assert "Ask an owner or admin to buy more." in staffs
    # What was typed comes back, with the reason.
    typed = {"channel": "sms", "body": "See you", "subject": ""}
    for page in (f"{pages[0]}/send", pages[1]):
        answer = nora.post(page, typed)
        assert answer.status_code == 422
        assert "See you" in answer.content.decode()
        assert "No texts are left." in answer.content.decode()
    # Email goes.
    assert nora.post(pages[1], typed | {"channel": "email", "subject": "Hello"}).status_code == 302


def test_the_operator_gives_texts_with_a_reason(office: Browser, juniper: House, alder: House) -> None:
    add = "/office/quota/entry/add/"
    page = office.get(add).content.decode()
    assert "Segments." in page
    for wrong in ({"texts": 0, "note": "x"}, {"texts": 5, "note": ""}):
        assert office.post(add, {"business": str(juniper.business.pk)} | wrong).status_code == 200
    given = {"business": str(juniper.business.pk), "texts": "250", "note": "For the outage"}
    assert office.post(add, given).status_code == 302
    assert add_up(juniper.business) == (2000, 250)
    assert add_up(alder.business) == (0, 0)
    assert "For the outage" in office.get("/office/quota/entry/").content.decode()
    line = Entry.objects.get(kind="given")
    shown = office.get(f"/office/quota/entry/{line.pk}/change/").content.decode()
    assert "For the outage" in shown
    assert 'name="note"' not in shown
    assert office.post(f"/office/quota/entry/{line.pk}/change/", given).status_code == 403
    assert office.post(f"/office/quota/entry/{line.pk}/delete/", {"post": "yes"}).status_code == 403
