"""The page Payments and its sheets, as members use them."""

from __future__ import annotations

import re
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from parley.businesses.tenancy import new_id
from parley.clients.happened import Happening
from parley.payments import asking
from parley.payments.looks import look_of, said, today_of
from parley.payments.models import Estimate, PaymentRequest
from tests.inbox.conftest import FRAME, SIGNED_IN
from tests.payments.conftest import enter
from tests.people import House

DIALOG = {"HX-Request": "true", "HX-Target": "dialog#dialog"}


def names(html: bytes) -> list[str]:
    """The rows, in order: what each is for."""
    return re.findall(r'class="what">(.*?)<', html.decode())


def post(browser: Browser, address: str, **typed: object) -> object:
    return browser.post(address, typed, headers=DIALOG)


def test_asking_is_written_once_and_told_once(nora: Browser, juniper: House, told: list[Happening]) -> None:
    maya, key = juniper.client(), new_id()
    form = {
        "key": key,
        "client": maya.pk,
        "title": " Deposit  for Friday ",
        "amount": "$1,250.50",
        "on": "2099-01-31",
        "details": "Half\r\nof it",
        "link": "https://pay.example.com/1",
        "tell": "on",
    }
    for _ in range(2):
        assert post(nora, "/payments/new", **form).status_code == 200
    request = PaymentRequest.objects.get()
    assert (request.pk, request.client, request.business) == (key, maya, juniper.business)
    assert (request.title, request.cents, request.currency) == ("Deposit for Friday", 125050, "USD")
    assert (str(request.due_on), request.details, request.link) == (
        "2099-01-31",
        "Half\nof it",
        "https://pay.example.com/1",
    )
    assert [(h.subject, h.what, h.silent) for h in told] == [(request, "asked", False)]
    # Without the switch the client is told nothing.
    post(nora, "/payments/new", **(form | {"key": new_id(), "tell": ""}))
    assert [h.silent for h in told] == [False, True]


def test_what_cannot_be_kept_is_said_where_it_is(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    yesterday = today_of(juniper.business) - timedelta(days=1)
    good = {"client": maya.pk, "title": "Deposit", "amount": "40"}
    for wrong, words in [
        ({"client": ""}, "Choose who it is for."),
        ({"client": "x"}, "Choose who it is for."),
        ({"title": " "}, "Say what it is for."),
        ({"amount": ""}, "Enter an amount."),
        ({"amount": "1.250"}, "That can be read in two ways."),
        ({"amount": "1,000,000.01"}, "The most is 1,000,000.00."),
        ({"on": yesterday.isoformat()}, "That day has passed."),
        ({"link": "http://pay.example.com"}, "Only an address that begins with https:// is safe to pay at."),
        ({"link": "javascript:alert(1)"}, "Enter a whole web address"),
        ({"details": "x" * 2001}, "This has 2,001 characters. The most is 2,000."),
    ]:
        for address in ("/payments/new", "/payments/estimates/new"):
            answer = post(nora, address, **(good | wrong | {"details": wrong.get("details", "Kept words")}))
            html = answer.content.decode()
            assert answer.status_code == 422
            assert words.replace("to pay at", "") in html or words in html or "safe to open" in html
            assert wrong.get("details", "Kept words") in html
    assert not PaymentRequest.objects.exists()
    assert not Estimate.objects.exists()


def test_choosing_a_client_keeps_what_was_typed(nora: Browser, juniper: House, alder: House) -> None:
    maya, stranger = juniper.client(), alder.client("Mayor", "Stranger", "+15035550199")
    juniper.client("Daniel", "Reyes", "+15035550131")
    found = nora.get("/clients/pick?pick_q=may", headers={"HX-Target": "div#pick-found"}).content.decode()
    assert "Maya Okafor" in found
    assert "Daniel" not in found
    assert "Stranger" not in found
    picked = nora.get(f"/clients/pick?pick={maya.pk}").content.decode()
    assert f'name="client" value="{maya.pk}"' in picked
    assert "Tell Maya" in picked
    assert "Stranger" not in nora.get(f"/clients/pick?pick={stranger.pk}").content.decode()
    # Without scripts the whole form goes along.
    page = nora.post("/payments/new", {"pick": maya.pk, "title": "Deposit", "amount": "4o", "tell": "on"})
    html = page.content.decode()
    assert f'name="client" value="{maya.pk}"' in html
    assert 'value="Deposit"' in html
    assert "Enter an amount" not in html
    assert not PaymentRequest.objects.exists()


def test_each_filter_shows_its_own_and_one_page_at_a_time(nora: Browser, juniper: House) -> None:
    maya, today, now = juniper.client(), today_of(juniper.business), timezone.now()
    for n in range(60):
        request = asking.ask(
            juniper.business, maya, title=f"Late {n:02}", cents=100, due_on=today - timedelta(days=1 + n // 3)
        )
        # Three of each day, and all of one moment: order is by id then.
        PaymentRequest.objects.filter(pk=request.pk).update(created_at=now)
    paid = asking.ask(juniper.business, maya, title="Paid", cents=100)
    asking.pay(paid)
    taken_back = asking.ask(juniper.business, maya, title="Taken back", cents=100)
    asking.cancel(taken_back)
    for show in ("open", "overdue", "all"):
        first = nora.get(f"/payments?show={show}").content
        (more,) = re.findall(r"after=([0-9a-f-]+)\"\n", first.decode())
        rest = nora.get(f"/payments?show={show}&after={more}", headers={"HX-Target": "li#more"}).content
        every = names(first) + names(rest)
        assert len(names(first)) == 50
        assert len(every) == len(set(every)) == (62 if show == "all" else 60)
        assert ("Paid" in every, "Taken back" in every) == (show == "all", show == "all")
        assert b"60 open, $60.00" in first
    assert names(nora.get("/payments?show=overdue").content)[:3] == ["Late 57", "Late 58", "Late 59"]
    assert names(nora.get("/payments?show=paid").content) == ["Paid"]
    for wrong in ("show=none", "after=x", f"after={uuid.uuid4()}"):
        assert nora.get(f"/payments?{wrong}").status_code == 404


@pytest.mark.parametrize("count", [3, 120])
def test_pages_cost_the_same_for_few_and_many(
    nora: Browser, juniper: House, count: int, django_assert_num_queries
) -> None:
    for n in range(count):
        client = juniper.client("Client", f"Number {n}", f"+1503555{2000 + n}")
        asking.ask(juniper.business, client, title="Deposit", cents=100)
        estimate = asking.offer(juniper.business, client, title="Wedding", cents=100)
    request = PaymentRequest.objects.first()
    rows, totals, one = 1, 1, 1
    for address, own in {
        "/payments": rows + totals,
        "/payments?show=overdue": rows + totals,
        "/payments?show=all": rows + totals,
        "/payments/estimates": rows + totals,
    }.items():
        with django_assert_num_queries(SIGNED_IN + FRAME + own):
            nora.get(address)
    for address in (
        f"/payments/{request.pk}",
        f"/payments/estimates/{estimate.pk}",
        f"/payments/{request.pk}/paid",
    ):
        with django_assert_num_queries(SIGNED_IN + one):
            nora.get(address, headers=DIALOG)
    conversations, clients = 1, 1
    with django_assert_num_queries(SIGNED_IN + conversations + clients):
        nora.get("/payments/new", headers=DIALOG)


def test_marking_as_paid(nora: Browser, juniper: House, told: list[Happening]) -> None:
    request = asking.ask(juniper.business, juniper.client(), title="Deposit", cents=4000)
    sheet = f"/payments/{request.pk}/paid"
    assert post(nora, sheet, how="barter").status_code == 422
    said = post(nora, sheet, how="transfer").content.decode()
    assert "$40.00 from Maya, marked as paid" in said
    request.refresh_from_db()
    assert (request.status, request.paid_how) == ("paid", "Transfer")
    # A second press, and somebody who looked at an old page: nothing changes, and nothing is told again.
    assert (
        "paid, answered or cancelled meanwhile"
        in post(nora, sheet, how="cash", receipt="on").content.decode()
    )
    assert (
        "paid, answered or cancelled meanwhile"
        in post(nora, f"/payments/{request.pk}/edit", title="More", amount="99").content.decode()
    )
    assert (
        "paid, answered or cancelled meanwhile"
        in post(nora, f"/payments/{request.pk}/cancel").content.decode()
    )
    assert [(h.what, h.silent) for h in told] == [("asked", False), ("paid", True)]
    request.refresh_from_db()
    assert (request.title, request.status, request.paid_how) == ("Deposit", "paid", "Transfer")
    assert "Mark as paid" not in nora.get(f"/payments/{request.pk}", headers=DIALOG).content.decode()


def test_editing_and_cancelling(nora: Browser, juniper: House, told: list[Happening]) -> None:
    today = today_of(juniper.business)
    request = asking.ask(juniper.business, juniper.client(), title="Deposit", cents=4000)
    PaymentRequest.objects.filter(pk=request.pk).update(due_on=today - timedelta(days=3))
    edit = f"/payments/{request.pk}/edit"
    # Its day has passed, and may stay what it was.
    kept = (today - timedelta(days=3)).isoformat()
    assert post(nora, edit, title="Deposit, half", amount="20", on=kept).status_code == 200
    assert (
        post(nora, edit, title="x", amount="20", on=(today - timedelta(days=2)).isoformat()).status_code
        == 422
    )
    request.refresh_from_db()
    assert (request.title, request.cents) == ("Deposit, half", 2000)
    assert "told nothing" in nora.get(f"/payments/{request.pk}/cancel").content.decode()
    post(nora, f"/payments/{request.pk}/cancel")
    request.refresh_from_db()
    assert request.status == "cancelled"
    assert [(h.what, h.silent) for h in told] == [("asked", False), ("changed", True), ("cancelled", True)]
    assert nora.get(edit).status_code == 302


def test_an_estimate_becomes_a_payment(nora: Browser, juniper: House, told: list[Happening]) -> None:
    luis = juniper.client("Luis", "Ortega")
    post(
        nora,
        "/payments/estimates/new",
        client=luis.pk,
        title="Wedding",
        amount="860",
        tell="on",
        details="Six",
    )
    estimate = Estimate.objects.get()
    assert post(nora, f"/payments/estimates/{estimate.pk}/answer", answer="perhaps").status_code == 404
    post(nora, f"/payments/estimates/{estimate.pk}/answer", answer="accepted")
    post(nora, f"/payments/estimates/{estimate.pk}/answer", answer="declined")
    estimate.refresh_from_db()
    assert estimate.status == "accepted"
    assert [h.what for h in told] == ["offered", "accepted"]
    # It was a member who said so: nobody else has to be told.
    assert not juniper.business.notifications.exists()
    assert "Ask for the payment" in nora.get(f"/payments/estimates/{estimate.pk}").content.decode()
    sheet = nora.get(f"/payments/new?estimate={estimate.pk}").content.decode()
    for kept in (f'value="{luis.pk}"', 'value="Wedding"', 'value="860.00"', "Six"):
        assert kept in sheet


def test_how_each_looks(juniper: House) -> None:
    maya, today = juniper.client(), today_of(juniper.business)
    day, now = timedelta(days=1), timezone.now()
    for facts, words, line in [
        ({}, ["Not viewed yet"], "Deposit"),
        ({"viewed_at": now}, ["Viewed"], "Deposit"),
        ({"due_on": today, "viewed_at": now}, ["Due today", "Viewed"], "Deposit, due today"),
        ({"due_on": today - day}, ["Overdue"], f"Deposit, was due {said(today - day, today)}"),
        ({"status": "paid", "due_on": today - day, "viewed_at": now}, ["Paid"], "Deposit"),
        ({"status": "cancelled"}, ["Cancelled"], "Deposit"),
    ]:
        look = look_of(
            PaymentRequest(
                business=juniper.business,
                client=maya,
                title="Deposit",
                cents=1,
                **({"status": "open"} | facts),
            )
        )
        assert ([chip.words for chip in look.chips], look.what) == (words, line)
    for facts, words in [
        ({"expires_on": today}, ["Last day"]),
        ({"expires_on": today - day, "viewed_at": now}, ["Expired", "Viewed"]),
        ({"status": "accepted"}, ["Accepted"]),
        ({"status": "declined"}, ["Declined"]),
        ({"status": "cancelled"}, ["Withdrawn"]),
    ]:
        estimate = Estimate(
            business=juniper.business, client=maya, title="x", cents=1, **({"status": "open"} | facts)
        )
        assert [chip.words for chip in look_of(estimate).chips] == words


def test_a_stranger_finds_nothing(juniper: House, alder: House, told: list[Happening]) -> None:
    maya = juniper.client()
    request = asking.ask(juniper.business, maya, title="Deposit", cents=4000)
    estimate = asking.offer(juniper.business, maya, title="Wedding", cents=4000)
    stranger = enter(alder.owner)
    del told[:]
    for address in [
        f"/payments/{request.pk}",
        f"/payments/{request.pk}/edit",
        f"/payments/{request.pk}/paid",
        f"/payments/{request.pk}/cancel",
        f"/payments/estimates/{estimate.pk}",
        f"/payments/estimates/{estimate.pk}/edit",
        f"/payments/estimates/{estimate.pk}/cancel",
        f"/payments/new?client={maya.pk}",
        f"/payments/new?estimate={estimate.pk}",
        f"/payments/estimates/new?client={maya.pk}",
        f"/payments?after={request.pk}",
        f"/payments/estimates?after={estimate.pk}",
    ]:
        assert stranger.get(address).status_code == 404, address
        assert Browser().get(address).status_code == 302
    for address, typed in [
        (f"/payments/{request.pk}/paid", {"how": "cash"}),
        (f"/payments/{request.pk}/cancel", {}),
        (f"/payments/{request.pk}/edit", {"title": "x", "amount": "1"}),
        (f"/payments/estimates/{estimate.pk}/answer", {"answer": "accepted"}),
        (f"/payments/estimates/{estimate.pk}/cancel", {}),
    ]:
        assert stranger.post(address, typed).status_code == 404, address
    # Another business's client cannot be asked, and its id cannot be taken.
    answer = stranger.post("/payments/new", {"client": maya.pk, "title": "x", "amount": "1"})
    assert answer.status_code == 422
    assert names(stranger.get("/payments?show=all").content) == []
    assert told == []
    assert PaymentRequest.objects.get().status == "open"


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_once_are_one_request(juniper: House, told: list[Happening]) -> None:
    maya, key = juniper.client(), new_id()
    made, start = [], threading.Barrier(4)

    def press() -> None:
        start.wait()
        try:
            made.append(asking.ask(juniper.business, maya, title="Deposit", cents=4000, id=key).pk)
        finally:
            connection.close()

    presses = [threading.Thread(target=press) for _ in range(4)]
    for thread in presses:
        thread.start()
    for thread in presses:
        thread.join()
    assert made == [key] * 4
    assert PaymentRequest.objects.count() == 1
    assert [h.what for h in told] == ["asked"]


def test_how_clients_pay_is_the_managers_to_say(nora: Browser, juniper: House) -> None:
    assert enter(juniper.staff).get("/settings/payments").status_code == 403
    assert enter(juniper.staff).post("/settings/payments", {"pays_by": "x"}).status_code == 403
    assert enter(juniper.staff).get("/payments").status_code == 200
    assert nora.post("/settings/payments", {"pays_by": "x" * 1001}).status_code == 422
    nora.post("/settings/payments", {"pays_by": " Card\r\nCash "})
    juniper.business.refresh_from_db()
    assert juniper.business.pays_by == "Card\nCash"
    assert "US dollars (USD)" in nora.get("/settings/payments").content.decode()
    assert nora.get("/payments").status_code == 200


def test_the_card_and_the_conversation_show_what_is_open(nora: Browser, juniper: House, alder: House) -> None:
    maya = juniper.client()
    message = juniper.text(maya, "Hello")
    talk = f"/inbox/{message.conversation_id}"
    for address in (talk, f"/clients/{maya.pk}"):
        assert "Open payment request" not in nora.get(address).content.decode()
    request = asking.ask(
        juniper.business, maya, title="Deposit", cents=4000, due_on=today_of(juniper.business)
    )
    asking.pay(asking.ask(juniper.business, maya, title="Gift card", cents=900))
    asking.ask(alder.business, alder.client(), title="Foreign", cents=900)
    for address in (talk, f"/clients/{maya.pk}"):
        html = nora.get(address).content.decode()
        assert "Open payment request<" in html
        assert "Deposit, due today" in html
        assert "Gift card" not in html
        assert "Foreign" not in html
    # A reminder is written down for the member to send, with the address of the page.
    letter = nora.get(f"/send-message/{maya.pk}?remind={request.pk}")
    html = letter.content.decode()
    assert "Hi Maya, a reminder about Deposit: $40.00, due" in html
    assert request.address in html
    asking.pay(request)
    assert nora.get(f"/send-message/{maya.pk}?remind={request.pk}").status_code == 404
