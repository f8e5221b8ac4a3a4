"""Following a registration: what carriers say is written down once and told once, and weeks are said as they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from parley.carriers.directory import ask
from parley.notifications.models import Notification
from parley.numbers.models import PhoneNumber, Registration
from parley.numbers.provisioning import NotReady, submit
from parley.numbers.texting import Column, own_number, standing
from parley.numbers.verdicts import settle
from parley.numbers.verification import ask_about, poll
from tests.numbers.carrier import Desk, drive
from tests.numbers.test_provisioning import again, assert_one, at_once
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(desk: Desk, draft: Registration, juniper: House) -> Registration:
    """In review; and it is Juniper's only number."""
    PhoneNumber.objects.filter(pk=juniper.number.pk).update(releasing_at=timezone.now())
    submit(draft)
    registration = drive(draft)
    assert registration.status == "in_review", registration.reasons
    return registration


def told(registration: Registration) -> list[str]:
    news = Notification.objects.filter(business=registration.business, kind="number").order_by("created_at")
    assert all(n.managers_only and n.address == "/apps/texting" for n in news)
    return [n.title for n in news]


def test_approved(desk: Desk, sent: Registration, alder: House) -> None:
    poll()
    assert (again(sent).status, told(sent)) == ("in_review", [])
    assert standing(sent.business).column is Column.WAITING
    desk.approve(sent)
    at_once(poll, poll, poll)
    registration = again(sent)
    assert (registration.status, told(sent)) == ("approved", ["Your number is ready"])
    assert registration.number is not None
    assert registration.number.approved_at == registration.decided_at
    assert own_number(sent.business) == registration.number
    assert standing(sent.business).column is Column.ON
    poll()
    assert told(sent) == ["Your number is ready"]
    assert not Notification.objects.filter(business=alder.business).exists()


def test_rejected_mended_and_approved(desk: Desk, sent: Registration) -> None:
    desk.reject(sent)
    at_once(poll, poll)
    registration = again(sent)
    assert (registration.status, told(sent)) == ("rejected", ["Carriers need something fixed"])
    [reason] = registration.reasons
    assert (reason["code"], reason["words"]) == (
        "30484",
        "The business name does not match the registration number.",
    )
    assert reason["mend"]
    assert registration.edit_until is not None
    assert timedelta(days=6) < registration.edit_until - timezone.now() < timedelta(days=8)
    assert standing(sent.business).column is Column.WAITING
    assert "“The business name" in Notification.objects.get(kind="number").words

    Registration.objects.filter(pk=sent.pk).update(legal_name="Juniper Hair Studio, LLC")
    submit(sent)
    registration = drive(sent)
    assert (registration.status, registration.submissions) == ("in_review", 2)
    [request] = desk.requests(sent)
    assert request["asked"]["business_name"] == "Juniper Hair Studio, LLC"
    desk.approve(sent)
    poll()
    assert (again(sent).status, again(sent).reasons) == ("approved", [])
    assert_one(desk, sent)


@pytest.mark.parametrize("fault", ["error_before", "error_after", "reset_after"])
def test_doubt_about_an_edit(desk: Desk, sent: Registration, fault: str) -> None:
    desk.reject(sent)
    poll()
    Registration.objects.filter(pk=sent.pk).update(legal_name="Juniper Hair Studio, LLC")
    submit(sent)
    desk.weather(**{fault: 1})
    with pytest.raises(AssertionError, match="waits for ever"):
        drive(sent, times=1)
    desk.fine()
    assert drive(sent).status == "in_review"
    [request] = desk.requests(sent)
    assert request["asked"]["business_name"] == "Juniper Hair Studio, LLC"


def test_an_edit_refused_on_the_spot(desk: Desk, sent: Registration, settings: Any) -> None:
    desk.reject(sent)
    poll()
    until, public = again(sent).edit_until, settings.PUBLIC_URL
    settings.PUBLIC_URL = "ftp://parley.example"
    submit(sent)
    registration = drive(sent)
    assert (registration.status, registration.edit_until) == ("rejected", until)
    assert registration.reasons[0]["words"].startswith("Invalid parameter OptInImageUrls")
    settings.PUBLIC_URL = public
    submit(sent)
    assert drive(sent).status == "in_review"
    assert_one(desk, sent)


def test_an_edit_rejected_before_we_heard_of_it(desk: Desk, sent: Registration) -> None:
    desk.reject(sent)
    poll()
    submit(sent)
    desk.weather(reset_after=1)
    with pytest.raises(AssertionError, match="waits for ever"):
        drive(sent, times=1)
    desk.fine()
    desk.reject(sent, "opt_in")
    registration = drive(sent)
    assert (registration.status, registration.reasons[0]["code"]) == ("rejected", "30475")
    assert told(sent) == ["Carriers need something fixed"] * 2


def test_after_its_time_a_new_request_is_made(desk: Desk, sent: Registration) -> None:
    desk.reject(sent, edit_seconds=0)
    poll()
    assert again(sent).may_resubmit
    submit(sent)
    assert drive(sent).status == "in_review"
    assert_one(desk, sent, requests=2)
    assert again(sent).verification_id == desk.requests(sent)[0]["sid"]
    desk.approve(sent)
    poll()
    assert again(sent).status == "approved"


def test_closed_for_good(desk: Desk, sent: Registration) -> None:
    desk.reject(sent, "cancelled")
    poll()
    assert not again(sent).may_resubmit
    assert told(sent) == ["Carriers turned your registration down"]
    assert standing(sent.business).column is Column.OFF
    with pytest.raises(NotReady) as caught:
        submit(sent)
    assert "closed" in caught.value.findings[0].words


def test_the_carriers_take_a_rejection_back(desk: Desk, sent: Registration) -> None:
    desk.reject(sent)
    poll()
    desk.approve(sent)
    ask_about([again(sent)])
    assert (again(sent).status, told(sent)[-1]) == ("approved", "Your number is ready")


def test_what_is_old_changes_nothing(desk: Desk, sent: Registration) -> None:
    """An answer to an older submission; and the verdict from before our edit, from a carrier that lags."""
    desk.reject(sent)
    poll()
    number = again(sent).number
    assert number is not None
    [verdict] = ask("twilio", lambda carrier: carrier.verifications(number.carrier_id))
    assert verdict.status == "rejected"
    before = again(sent)
    submit(sent)
    drive(sent)
    settle(before, replace(verdict, status="approved"))
    settle(again(sent), verdict)
    assert again(sent).status == "in_review"
    assert told(sent) == ["Carriers need something fixed"]


def test_a_months_clock(desk: Desk, sent: Registration) -> None:
    """Weeks of silence: asked all the while, overdue is said once, and an answer still counts."""
    start = timezone.now()
    for day in (1, 27, 41, 42, 43, 60):
        with time_machine.travel(start + timedelta(days=day, minutes=1), tick=False):
            poll()
            poll()
            assert again(sent).checked_at == timezone.now()
            assert told(sent) == (["The carriers’ answer is overdue"] if day >= 42 else [])
    with time_machine.travel(start + timedelta(days=61)):
        desk.approve(sent)
        poll()
        registration = again(sent)
        assert registration.status == "approved"
        assert registration.decided_at is not None
        assert registration.decided_at - start >= timedelta(days=61)
    assert told(sent) == ["The carriers’ answer is overdue", "Your number is ready"]


def test_overdue_is_counted_from_the_last_time_it_was_sent(desk: Desk, sent: Registration) -> None:
    start = timezone.now()
    with time_machine.travel(start + timedelta(days=41)):
        desk.reject(sent)
        poll()
        submit(sent)
        drive(sent)
    with time_machine.travel(start + timedelta(days=50)):
        poll()
        assert told(sent) == ["Carriers need something fixed"]
    with time_machine.travel(start + timedelta(days=84)):
        at_once(poll, poll)
    assert told(sent)[1:] == ["The carriers’ answer is overdue"]


def test_overdue_is_said_though_the_carrier_is_away(desk: Desk, sent: Registration, settings: Any) -> None:
    settings.TWILIO = settings.TWILIO | {"messaging_url": "http://127.0.0.1:9"}
    with time_machine.travel(timezone.now() + timedelta(days=43)):
        poll()
    assert told(sent) == ["The carriers’ answer is overdue"]
    settings.TWILIO = settings.TWILIO | {"account_sid": ""}
    poll()


def test_a_request_that_is_gone_at_the_carrier(desk: Desk, sent: Registration) -> None:
    Registration.objects.filter(pk=sent.pk).update(verification_id="HH" + "0" * 32)
    poll()
    assert "no longer knows" in again(sent).trouble
    assert again(sent).status == "in_review"
