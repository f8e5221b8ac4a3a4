"""Numbers and registrations in the back office."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import User
from parley.numbers.models import PhoneNumber, Registration
from parley.numbers.provisioning import adopt, give_back, submit
from tests.businesses.authenticator import code, give_second_factor
from tests.numbers.carrier import Desk, drive
from tests.people import PASSWORD, House

pytestmark = pytest.mark.django_db(transaction=True)

NUMBERS = "/office/numbers/phonenumber/"
REGISTRATIONS = "/office/numbers/registration/"


@pytest.fixture
def office(transactional_db: None) -> Browser:
    """A browser in which the operator has signed in with both factors."""
    operator = User.objects.create_superuser("op@parley.example", PASSWORD, name="Olga Operator")
    give_second_factor(operator)
    browser = Browser()
    browser.post("/sign-in/", {"login": operator.email, "password": PASSWORD})
    browser.post("/sign-in/code", {"code": code()})
    return browser


def page(browser: Browser, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_shared_number_is_added(office: Browser, desk: Desk, juniper: House) -> None:
    answer = office.post(f"{NUMBERS}add/", {"number": "(877) 555-0123", "duty": "marketing", "pace": "3"})
    assert answer.status_code == 302
    number = PhoneNumber.objects.get(number="+18775550123")
    assert (number.duty, number.business, number.approved_at) == ("marketing", None, None)
    assert number.paused
    [job] = ProcrastinateJob.objects.filter(lock=str(number.pk))
    assert job.task_name == "adopt_number"
    adopt(number)
    shown = page(office, NUMBERS)
    assert "(877) 555-0123" in shown
    assert "does not have this number" in shown
    answer = office.post(NUMBERS, {"action": "ask_now", "_selected_action": [str(number.pk)]}, follow=True)
    assert "The carrier is being asked about 1." in answer.content.decode()
    assert page(office, f"{NUMBERS}{number.pk}/change/").count("Not approved yet") == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("503 555 0118", "Enter a toll-free number"),
        ("877", "too short"),
        ("+18555550142", "Parley has this number already."),
    ],
)
def test_a_number_that_cannot_be_shared(office: Browser, juniper: House, number: str, words: str) -> None:
    answer = office.post(f"{NUMBERS}add/", {"number": number, "duty": "system", "pace": "3"})
    assert words in answer.content.decode()
    answer = office.post(f"{NUMBERS}add/", {"number": "877 555 0123", "duty": "business", "pace": "3"})
    assert "Select a valid choice" in answer.content.decode()
    assert PhoneNumber.objects.count() == 1


def test_a_number_is_given_back_once_confirmed(office: Browser, desk: Desk, draft: Registration) -> None:
    submit(draft)
    number = drive(draft).number
    assert number is not None
    chosen = {"action": "give_back", "_selected_action": [str(number.pk)]}
    answer = office.post(NUMBERS, chosen)
    assert "Give back to the carrier?" in answer.content.decode()
    assert PhoneNumber.objects.get(pk=number.pk).releasing_at is None
    office.post(NUMBERS, chosen | {"confirmed": "1"})
    assert "Being given back" in page(office, NUMBERS)
    assert LogEntry.objects.get().change_message == "Given back to the carrier."
    give_back(number.pk)
    assert "Given back" in page(office, NUMBERS)
    assert desk.numbers(draft) == []
    answer = office.post(NUMBERS, chosen, follow=True)
    assert "given back already" in answer.content.decode()
    assert office.get(f"{NUMBERS}{number.pk}/delete/").status_code == 403


def test_a_registration_is_looked_at_and_asked_about(
    office: Browser, desk: Desk, draft: Registration
) -> None:
    draft.legal_name = "<b>Juniper</b> LLC"
    draft.save()
    submit(draft)
    drive(draft)
    desk.reject(draft)
    chosen = {"action": "ask_now", "_selected_action": [str(draft.pk)]}
    assert "The carrier was asked." in office.post(REGISTRATIONS, chosen, follow=True).content.decode()
    shown = page(office, f"{REGISTRATIONS}{draft.pk}/change/")
    assert "30484 The business name does not match the registration number." in shown
    assert "&lt;b&gt;Juniper&lt;/b&gt; LLC" in shown
    assert "Save" not in shown
    assert office.get(f"{REGISTRATIONS}add/").status_code == 403
    desk.approve(draft)
    office.post(REGISTRATIONS, chosen)
    assert Registration.objects.get(pk=draft.pk).status == "approved"


def test_it_is_not_for_members(client: Browser, juniper: House, draft: Registration) -> None:
    client.force_login(juniper.owner.user)
    for address in (NUMBERS, f"{NUMBERS}add/", REGISTRATIONS, f"{REGISTRATIONS}{draft.pk}/change/"):
        assert client.get(address).status_code == 302
    client.post(
        NUMBERS, {"action": "give_back", "_selected_action": [str(juniper.number.pk)], "confirmed": "1"}
    )
    assert PhoneNumber.objects.get(pk=juniper.number.pk).releasing_at is None
