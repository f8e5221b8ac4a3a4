"""The client's own pages: who has the address reads them, and nobody learns the address."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from parley.clients.elsewhere import Elsewhere
from parley.clients.happened import Happening
from parley.config.logs import masked
from parley.notifications.models import Notification
from parley.payments import asking
from parley.payments.looks import today_of
from parley.payments.models import Estimate, PaymentRequest
from parley.payments.words import WORDS
from tests.payments.conftest import enter
from tests.people import House


@pytest.fixture(autouse=True)
def _nobody_was_here(db: None) -> None:
    cache.clear()


def read(browser: Browser, asked: PaymentRequest | Estimate) -> str:
    return browser.get(asked.page).content.decode()


def test_what_the_client_reads(client: Browser, juniper: House) -> None:
    juniper.business.pays_by = "Card at the desk"
    juniper.business.save()
    request = asking.ask(
        juniper.business,
        juniper.client(),
        title="Deposit <b>",
        cents=125050,
        due_on=today_of(juniper.business),
        details="Half of it",
        link="https://pay.example.com/1",
    )
    answer = client.get(request.page)
    html = answer.content.decode()
    for words in (
        "Juniper Hair Studio",
        "For Maya",
        "Deposit &lt;b&gt;",
        "$1,250.50",
        "Half of it",
        "Card at the desk",
        "Pay online",
        'href="https://pay.example.com/1" rel="noopener noreferrer nofollow"',
        "hello@juniper.example",
    ):
        assert words in html
    # Nothing else of the client, and nothing of Parley's frame.
    for words in ("Okafor", "555", "Inbox", "manifest", "Sign in"):
        assert words not in html
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert client.post(request.page).status_code == 405


def test_each_end_is_said(client: Browser, juniper: House) -> None:
    maya, today = juniper.client(), today_of(juniper.business)
    make = {
        "pay": lambda r: asking.pay(r),
        "cancel": lambda r: asking.cancel(r),
        "yes": lambda e: asking.answer(e, accepted=True),
        "no": lambda e: asking.answer(e, accepted=False),
    }
    for kind, end, words in [
        (PaymentRequest, "pay", "Thank you!"),
        (PaymentRequest, "cancel", "There is nothing to pay."),
        (Estimate, "yes", "You accepted this on"),
        (Estimate, "no", "You said no thanks on"),
        (Estimate, "cancel", "This estimate was taken back."),
    ]:
        write = asking.ask if kind is PaymentRequest else asking.offer
        asked = write(juniper.business, maya, title="x", cents=100, link="https://pay.example.com/1")
        make[end](asked)
        html = read(client, asked)
        assert words in html
        assert "pay.example.com" not in html
        assert "<button" not in html
    late = asking.ask(juniper.business, maya, title="x", cents=100)
    PaymentRequest.objects.filter(pk=late.pk).update(due_on=today - timedelta(days=1))
    assert "Was due" in read(client, late)


def test_it_speaks_the_clients_language(client: Browser, alder: House) -> None:
    due = today_of(alder.business)
    for language, fallback, sum_, words in [
        ("", "", "$1,250.50", "en"),
        ("", "fr", "1 250,50 $", "fr"),
        ("es", "fr", "CAD", "es"),
        ("fr", "en", "1 250,50 $", "fr"),
    ]:
        alder.business.language = fallback
        alder.business.save()
        number = f"+1416555{len(Estimate.objects.all()):04}"
        emma = alder.client("Emma", "Roy", number, language=language)
        estimate = asking.offer(alder.business, emma, title="x", cents=125050, expires_on=due)
        html = read(client, estimate)
        assert f'<html lang="{words}">' in html
        assert sum_ in html.replace("\u00a0", " ")
        assert WORDS[words]["accept"] in html
        assert WORDS[words]["decline"] in html
    html = client.get("/p/nothing", headers={"Accept-Language": "de, fr-CA;q=0.8"}).content.decode()
    assert WORDS["fr"]["missing"] in html
    assert all(set(words) == set(WORDS["en"]) for words in WORDS.values())


def test_fetching_is_not_viewing(client: Browser, juniper: House, alder: House) -> None:
    request = asking.ask(juniper.business, juniper.client(), title="Deposit", cents=100)

    def viewed() -> bool:
        request.refresh_from_db()
        return request.viewed_at is not None

    client.get(request.page, headers={"User-Agent": "facebookexternalhit/1.1"})
    client.head(request.page)
    client.get(f"{request.page}/seen")
    assert not viewed()
    # The business's own people look at what they sent; it was not the client.
    assert enter(juniper.staff).post(f"{request.page}/seen").status_code == 204
    assert not viewed()
    # Said without a cookie, and so without a token against forged requests.
    strict = Browser(enforce_csrf_checks=True)
    assert strict.post(f"{request.page}/seen").status_code == 204
    assert viewed()
    first = request.viewed_at
    enter(alder.owner).post(f"{request.page}/seen")
    assert viewed()
    assert request.viewed_at == first


def test_the_first_answer_counts(client: Browser, juniper: House, told: list[Happening]) -> None:
    luis = juniper.client("Luis", "Ortega")
    estimate = asking.offer(juniper.business, luis, title="Wedding", cents=86000)
    address = f"{estimate.page}/answer"
    assert Browser(enforce_csrf_checks=True).post(address, {"answer": "yes"}).status_code == 403
    assert client.post(address, {"answer": "perhaps"}).status_code == 404
    for answer in ("yes", "yes", "no"):
        assert client.post(address, {"answer": answer}).status_code == 302
    estimate.refresh_from_db()
    assert (estimate.status, bool(estimate.viewed_at)) == ("accepted", True)
    assert [h.what for h in told] == ["offered", "accepted"]
    news = Notification.objects.get()
    assert (news.title, news.words, news.managers_only) == (
        "Luis Ortega accepted an estimate",
        "Wedding, $860.00",
        False,
    )
    assert enter(juniper.staff).get(news.link).status_code == 200
    # After its last day there is no answer any more.
    late = asking.offer(juniper.business, luis, title="Trial", cents=100)
    Estimate.objects.filter(pk=late.pk).update(expires_on=today_of(juniper.business) - timedelta(days=1))
    assert "<button" not in read(client, late)
    client.post(f"{late.page}/answer", {"answer": "yes"})
    late.refresh_from_db()
    assert late.status == "open"


def test_members_hear_what_other_systems_tell(juniper: House) -> None:
    maya, now = juniper.client(), timezone.now()
    facts = {"title": "Invoice 7", "cents": 4000, "currency": "USD"}
    for status, at in [("open", now), ("paid", now), ("paid", now)]:
        asking.told_elsewhere(
            PaymentRequest,
            juniper.business,
            maya,
            Elsewhere("stripe", "in_7", at),
            status=status,
            **facts,
        )
    assert [n.title for n in Notification.objects.all()] == ["Maya Okafor paid $40.00"]


def test_nobody_guesses_or_reads_an_address(client: Browser, juniper: House) -> None:
    request = asking.ask(juniper.business, juniper.client(), title="Deposit", cents=100)
    estimate = asking.offer(juniper.business, juniper.client("A", "B", ""), title="x", cents=100)
    # Neither is the other's, nor is an id a token.
    for address in (
        f"/p/{estimate.token}",
        f"/e/{request.token}",
        f"/p/{request.pk}",
        f"/p/{request.token[:-1]}",
        f"/p/{request.token}x",
    ):
        assert client.get(address).status_code == 404
        assert client.post(f"{address}/seen").status_code == 404
    for asked in (request, estimate):
        assert len(asked.token) >= 22
        assert asked.token not in masked(f"GET {asked.page} 200")
        assert asked.token not in masked(f"Internal Server Error: {asked.page}/answer")


def test_too_many_at_once_and_no_database(client: Browser, juniper: House) -> None:
    estimate = asking.offer(juniper.business, juniper.client(), title="Wedding", cents=100)
    other = asking.offer(juniper.business, juniper.client("A", "B", ""), title="Wedding", cents=100)
    codes = [client.post(f"{estimate.page}/seen").status_code for _ in range(31)]
    assert codes == [204] * 30 + [429]
    assert client.post(f"{estimate.page}/answer", {"answer": "yes"}).status_code == 429
    # Reading goes on, and so does everybody else.
    assert client.get(estimate.page).status_code == 200
    assert client.post(f"{other.page}/answer", {"answer": "yes"}).status_code == 302
    # What nobody has is not even counted: it would push out what is.
    with CaptureQueriesContext(connection) as asked:
        assert client.post("/e/nothing/seen").status_code == 404
    assert len(asked) == 1

    def away(*_: object) -> None:
        raise OperationalError

    with connection.execute_wrapper(away):
        answer = client.get(estimate.page)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Try again in a moment." in answer.content.decode()


def test_the_page_costs_little(client: Browser, juniper: House, django_assert_num_queries) -> None:
    request = asking.ask(juniper.business, juniper.client(), title="Deposit", cents=100)
    with django_assert_num_queries(1):
        client.get(request.page)
