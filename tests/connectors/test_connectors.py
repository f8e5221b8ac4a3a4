"""What other systems tell: signatures, the same event twice, any order, and what a business sees of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from parley.appointments.models import Appointment, Service
from parley.businesses.tenancy import new_id
from parley.clients import happened
from parley.clients.models import Client
from parley.connectors import own, tasks
from parley.connectors.models import Endpoint, Event
from parley.connectors.systems import SYSTEMS
from parley.leads.models import Lead
from parley.payments.models import Estimate, PaymentRequest
from tests.connectors import samples
from tests.people import House

SECRETS = {"calcom": "a-secret-of-ours", "stripe": "whsec_5LiN6KaB7d", "own": own.new_secret()}


def endpoint(house: House, source: str) -> Endpoint:
    return Endpoint.objects.create(business=house.business, source=source, secret=SECRETS[source])


def signed(
    source: str, body: bytes, *, secret: str = "", at: int | None = None, id: str = "evt_1"
) -> dict[str, str]:
    """The headers that this system would send along."""
    secret, at = secret or SECRETS[source], int(time.time()) if at is None else at
    if source == "calcom":
        return {"X-Cal-Signature-256": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    if source == "stripe":
        signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Stripe-Signature": f"t={at},v1={signature}"}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(
        hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    ).decode()
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}


def tell(browser: Browser, to: Endpoint, told: Any, **how: Any) -> Any:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    headers = how.pop("headers", None) or signed(to.source, body, **how)
    return browser.post(f"/in/{to.pk}", body, content_type="application/json", headers=headers)


def read_all(to: Endpoint) -> None:
    for event in Event.objects.filter(endpoint=to, done_at=None).order_by("received_at", "id"):
        tasks.read(to.business_id, event.pk)


@pytest.fixture
def happenings() -> Any:
    """What the rooms below told, in order, but what a client is told nothing of."""
    seen: list[str] = []

    def listen(happening: happened.Happening, **_: Any) -> None:
        if not happening.silent:
            seen.append(happening.what)

    happened.listen(listen)
    yield seen
    happened._happened.disconnect(listen)


def test_a_webhook_is_believed_by_its_signature_alone(client: Browser, juniper: House) -> None:
    events = {"calcom": samples.CALCOM[1], "stripe": samples.STRIPE[0], "own": APPOINTMENT}
    for source, told in events.items():
        to, body = endpoint(juniper, source), json.dumps(told).encode()
        good = signed(source, body)
        assert tell(client, to, body).status_code == 200, source
        other = "whsec_" + base64.b64encode(b"x" * 32).decode()
        for headers in (
            {"X-Nothing": "1"},
            signed(source, body, secret=other),
            signed(source, body + b" "),
            dict.fromkeys(good, ""),
            dict.fromkeys(good, "v1,é"),
        ):
            assert tell(client, to, body, headers=headers).status_code == 401, (source, headers)
        if source != "calcom":  # whose signature says no time
            assert tell(client, to, body, at=int(time.time()) - 600).status_code == 401
        if source == "own":  # Stripe's library takes any time to come
            assert tell(client, to, body, at=int(time.time()) + 600).status_code == 401
        assert Event.objects.filter(endpoint=to).count() == 1


def test_an_address_without_a_secret_switched_off_or_of_nobody_takes_nothing(
    client: Browser, juniper: House
) -> None:
    to = endpoint(juniper, "calcom")
    Endpoint.objects.update(secret="")
    assert tell(client, to, samples.BOOKING, secret="").status_code == 401
    body = json.dumps(samples.BOOKING).encode()
    nothing = {"X-Cal-Signature-256": hmac.new(b"", body, hashlib.sha256).hexdigest()}
    assert tell(client, to, body, headers=nothing).status_code == 401
    Endpoint.objects.update(on=False, secret=SECRETS["calcom"])
    assert tell(client, to, samples.BOOKING).status_code == 404
    to.pk = new_id()
    assert tell(client, to, samples.BOOKING).status_code == 404
    assert client.get(f"/in/{to.pk}").status_code == 405
    assert not Event.objects.exists()


def test_what_is_no_event_is_said_and_nothing_breaks(client: Browser, juniper: House) -> None:
    to = endpoint(juniper, "calcom")
    for body in (b"", b"{", b"[]", b"3", b"[" * 200_000, b"\xff\xfe", b'{"triggerEvent": "A\\u0000"}', b"{}"):
        assert tell(client, to, body).status_code == 400, body[:20]
    assert tell(client, to, b" " * 300_000).status_code == 413
    # Well signed, and nonsense inside: kept, and said on the page.
    for payload in (
        {},
        {"uid": 3},
        {"uid": "u"},
        {"uid": "u", "attendees": [{}]},
        {"uid": "u", "attendees": "x"},
    ):
        told = samples.booking("BOOKING_CREATED", "2026-11-20T09:30:00Z") | {"payload": payload}
        assert tell(client, to, told).status_code == 200
    for at in ("yesterday", "2026-11-20T09:30:00", None):
        assert tell(client, to, samples.booking("BOOKING_CREATED", at)).status_code == 200  # type: ignore[arg-type]
    assert tell(client, to, samples.booking("MEETING_ENDED", "2026-11-20T09:30:00Z")).status_code == 200
    read_all(to)
    events = Event.objects.filter(endpoint=to)
    assert events.filter(trouble="").get().became == "Nothing to do"
    assert events.exclude(trouble="").count() == 8
    assert not Appointment.objects.exists()


def test_a_booking_of_cal_com_stands_in_the_calendar(
    client: Browser, juniper: House, happenings: list[str]
) -> None:
    to = endpoint(juniper, "calcom")
    service = Service.objects.create(business=juniper.business, name="balayage", minutes=105)
    assert tell(client, to, samples.BOOKING).status_code == 200
    assert tell(client, to, samples.BOOKING).status_code == 200
    read_all(to)
    [appointment] = juniper.business.appointments.all()
    assert (appointment.title, appointment.with_name, appointment.location) == (
        "Balayage",
        "Jules Martin",
        "1418 SE Alder Street",
    )
    assert appointment.service == service
    assert appointment.starts_at.isoformat() == "2030-01-15T22:45:00+00:00"
    maya = appointment.client
    assert (maya.name, maya.phone, maya.email, maya.language) == (
        "Maya Okafor",
        "+15035550118",
        "maya@example.com",
        "es",
    )
    assert happenings == ["booked"]


def _end(house: House) -> Any:
    appointments = house.business.appointments.values_list("status", "starts_at", "source_id")
    requests = house.business.paymentrequests.values_list("status", "cents")
    return sorted(appointments), sorted(requests), house.business.clients.count()


@pytest.mark.parametrize(
    ("source", "events"),
    [("calcom", samples.CALCOM), ("calcom", samples.MOVED_ONCE), ("stripe", samples.STRIPE)],
    ids=["moved twice", "moved once", "invoice"],
)
def test_events_doubled_and_in_any_order_end_alike(
    client: Browser, juniper: House, happenings: list[str], source: str, events: list[dict[str, Any]]
) -> None:
    to = endpoint(juniper, source)
    chance = random.Random(7)
    orders = list(itertools.permutations(range(len(events))))
    ends = set()
    for order in [orders[0], orders[-1], *chance.sample(orders, k=min(12, len(orders)))]:
        happenings.clear()
        for place in [*order, *chance.choices(order, k=3)]:
            assert tell(client, to, events[place]).status_code == 200
        read_all(to)
        ends.add(str(_end(juniper)))
        # The last two of three names of one booking, then its first: only what comes after says that they are one.
        most = 2 if events is samples.CALCOM else 1
        assert all(happenings.count(what) <= most for what in ("requested", "booked", "moved", "cancelled"))
        assert all(happenings.count(what) <= 1 for what in ("asked", "paid"))
        if order == orders[0]:
            expected = ["asked", "paid"]
            if source == "calcom":
                expected = ["requested", "booked", *["moved"] * (len(events) - 3), "cancelled"]
            assert [what for what in happenings if what != "changed"] == expected
        for model in (Event, Appointment, PaymentRequest, Client):
            model.objects.all().delete()
    assert len(ends) == 1, ends
    assert ("cancelled" if source == "calcom" else "paid") in ends.pop()


def test_a_booking_that_its_cancellation_overtook_is_told_to_nobody(
    client: Browser, juniper: House, happenings: list[str]
) -> None:
    to = endpoint(juniper, "calcom")
    cancelled = samples.booking("BOOKING_CANCELLED", "2026-11-23T08:00:00.000Z")
    for told in (cancelled, samples.BOOKING):
        tell(client, to, told)
    read_all(to)
    assert juniper.business.appointments.get().status == "cancelled"
    assert happenings == []


def test_what_stripe_charges_by_itself_is_not_asked_for(
    client: Browser, juniper: House, happenings: list[str]
) -> None:
    to = endpoint(juniper, "stripe")
    by_itself = samples.INVOICE | {"collection_method": "charge_automatically"}
    tell(client, to, samples.stripe_event("invoice.finalized", 1764000000, by_itself))
    tell(client, to, samples.stripe_event("invoice.updated", 1764000000, samples.INVOICE, status="draft"))
    read_all(to)
    assert not PaymentRequest.objects.exists()
    tell(client, to, samples.stripe_event("invoice.paid", 1764000009, by_itself, status="paid"))
    read_all(to)
    assert happenings == ["paid"]


def test_an_invoice_has_its_sum_its_day_and_stripes_own_page_alone(client: Browser, juniper: House) -> None:
    to = endpoint(juniper, "stripe")
    tell(client, to, samples.STRIPE[0])
    evil = samples.INVOICE | {"id": "in_2", "hosted_invoice_url": "https://evil.example/invoice.stripe.com/"}
    tell(client, to, samples.stripe_event("invoice.sent", 1764000001, evil))
    read_all(to)
    asked = juniper.business.paymentrequests.get(source_id=samples.INVOICE["id"])
    assert (asked.title, asked.cents, asked.currency) == ("Balayage, deposit", 4000, "USD")
    assert asked.link == samples.INVOICE["hosted_invoice_url"]
    assert str(asked.due_on) == "2030-01-06"
    assert juniper.business.paymentrequests.get(source_id="in_2").link == ""


def test_a_quote_names_its_customer_by_stripes_name(client: Browser, juniper: House) -> None:
    to = endpoint(juniper, "stripe")
    tell(client, to, samples.stripe_event("quote.finalized", 1764000000, samples.QUOTE))
    read_all(to)
    event = Event.objects.get()
    assert "customer.created" in event.trouble
    tell(client, to, samples.stripe_event("customer.created", 1763000000, samples.CUSTOMER))
    read_all(to)
    client.force_login(juniper.owner.user)
    again = client.post(f"/settings/connections/stripe/events/{event.pk}/again", follow=True)
    assert "Wedding party of six: open" in again.content.decode()
    estimate = juniper.business.estimates.get()
    assert (estimate.cents, estimate.client.language) == (60000, "fr")
    tell(client, to, samples.stripe_event("quote.accepted", 1764000100, samples.QUOTE, status="accepted"))
    read_all(to)
    assert Estimate.objects.get().status == "accepted"


APPOINTMENT: dict[str, Any] = {
    "type": "appointment.booked",
    "at": "2026-11-20T09:30:00-08:00",
    "client": {"first_name": "Maya", "last_name": "Okafor", "phone": "(503) 555-0118"},
    "appointment": {
        "id": "A-1",
        "starts_at": "2030-11-28T14:45:00-08:00",
        "ends_at": "2030-11-28T16:30:00-08:00",
    },
}


def test_a_program_hears_at_once_what_is_wrong(client: Browser, juniper: House) -> None:
    to = endpoint(juniper, "own")
    thing = APPOINTMENT["appointment"]
    payment = {"type": "payment.asked", "payment": {"id": "P-1", "amount": "40.00"}}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"type": "appointment.eaten"}, "“type” is none of"),
        ({"client": None}, "“client” is missing"),
        ({"appointment": None}, "“appointment” is missing"),
        ({"appointment": thing | {"id": ""}}, "“appointment.id” is missing"),
        ({"at": "noon"}, "“at”"),
        ({"appointment": thing | {"starts_at": "2030-11-28T14:45:00"}}, "no time zone"),
        ({"appointment": thing | {"ends_at": thing["starts_at"]}}, "is not after"),
        (payment | {"payment": {"id": "P-1", "amount": "40.001"}}, "“payment.amount”"),
        (payment | {"payment": {"id": "P-1", "amount": "NaN"}}, "“payment.amount”"),
        (payment | {"payment": {"id": "P-1", "amount": "40", "due_on": "Friday"}}, "no date"),
    ]
    for change, words in wrong:
        answer = tell(client, to, APPOINTMENT | change)
        assert answer.status_code == 400, change
        assert words in answer.content.decode(), change
    assert not Event.objects.exists()
    lead = {"type": "lead.created", "lead": {"id": "L-1", "message": "Hello", "agreed_words": "Text me."}}
    for place, told in enumerate([APPOINTMENT, APPOINTMENT | payment, APPOINTMENT | lead]):
        assert tell(client, to, told, id=f"evt_{place}").status_code == 200
    read_all(to)
    assert not Event.objects.exclude(trouble="").exists()
    assert PaymentRequest.objects.get().cents == 4000
    assert Lead.objects.get().agreed_words == "Text me."
    assert juniper.business.clients.count() == 1


def test_the_example_of_the_document_works(client: Browser, juniper: House, tmp_path: Path) -> None:
    """Its lines are run as they stand; only curl is ours, and keeps what it was given."""
    to = endpoint(juniper, "own")
    document = Path("docs/webhooks-in.md").read_text()
    script = document.split("By hand:\n\n")[1].split("\n\n|")[0]
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done\n')
    curl.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SECRET": to.secret,
        "ADDRESS": "x",
    }
    ran = subprocess.run(["bash", "-euc", script], env=environment, capture_output=True, check=True)
    words = ran.stdout.decode().split("\0")
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    headers.pop("Content-Type")
    answer = tell(client, to, words[words.index("--data-binary") + 1].encode(), headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    read_all(to)
    assert juniper.business.appointments.get().title == "Balayage"


def test_managers_connect_and_see_what_came(
    client: Browser, juniper: House, alder: House, django_assert_num_queries: Any
) -> None:
    client.force_login(juniper.owner.user)
    for source in SYSTEMS:
        assert "Make an address" in client.get(f"/settings/connections/{source}").content.decode()
        client.post(f"/settings/connections/{source}", {"do": "connect"})
    ours = {one.source: one for one in juniper.business.endpoints.all()}
    assert ours["calcom"].secret
    assert ours["own"].secret.startswith("whsec_")
    assert not ours["stripe"].secret
    refused = client.post("/settings/connections/stripe", {"do": "secret", "secret": "sk_live_1"})
    assert refused.status_code == 422
    assert "That is no signing secret" in refused.content.decode()
    client.post("/settings/connections/stripe", {"do": "secret", "secret": "whsec_5LiN6KaB7d"})
    assert "whsec_5LiN6KaB7d" not in client.get("/settings/connections/stripe").content.decode()
    for n in range(30):
        tell(
            client,
            ours["calcom"],
            samples.booking("BOOKING_CREATED", f"2026-11-20T09:30:{n:02}Z", uid=""),
            secret=ours["calcom"].secret,
        )
    read_all(ours["calcom"])
    page = client.get("/settings/connections/calcom").content.decode()
    assert str(ours["calcom"].pk) in page
    assert "It does not say which booking it is about." in page
    with django_assert_num_queries(7):
        client.get("/settings/connections/calcom")
    # Somebody else's events are nobody's business; staff are told whom to ask.
    client.force_login(alder.owner.user)
    assert "Make an address" in client.get("/settings/connections/calcom").content.decode()
    client.post("/settings/connections/calcom", {"do": "connect"})
    event = Event.objects.filter(endpoint=ours["calcom"]).first()
    assert event
    assert client.post(f"/settings/connections/calcom/events/{event.pk}/again").status_code == 404
    client.force_login(juniper.staff.user)
    assert client.get("/settings/connections").status_code == 403


def test_the_database_away_is_said_so(
    client: Browser, juniper: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    to = endpoint(juniper, "calcom")

    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError

    monkeypatch.setattr("parley.connectors.receiving.Endpoint.objects.filter", away)
    assert tell(client, to, samples.BOOKING).status_code == 503
