"""Settings > Auto messages: what is shown, saved, refused, tried out; and that nobody else's is touched."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from parley.alerts import defaults
from parley.alerts.kinds import KINDS
from parley.alerts.models import Due, Rule
from parley.appointments import booking
from parley.appointments.models import Appointment, Service
from parley.clients.models import Client
from parley.messaging.models import Message
from parley.payments import asking
from tests.inbox.conftest import FRAME, SIGNED_IN, SignIn
from tests.people import House

BASE = "/settings/auto-messages"
HTMX = {"HTTP_HX_REQUEST": "true"}
# The rules, the services, an example, and the business's number in its words.
PAGE = 4


def text_of(response: Any) -> str:
    """What a page says, without its markup."""
    words = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(words).split())


def posted(kind: str, **changes: str | None) -> dict[str, str]:
    """The form of a message as its page comes, with changes; None leaves a field out."""
    rule = KINDS[kind]
    form = {"sms": "on", "language": "en", "on": "on"}
    if rule.timing != "now":
        form |= {"amount": str(rule.amount), "unit": rule.unit}
    if rule.confirms:
        form["confirms"] = "on"
    for language in ("en", "fr", "es"):
        for part in ("text", "subject", "email") if kind != "closed" else ("text",):
            form[f"{part}_{language}"] = defaults.words(kind, part, language, reads=True)  # type: ignore[arg-type]
    return {name: value for name, value in {**form, **changes}.items() if value is not None}


def service_of(house: House, name: str = "Balayage") -> Service:
    return Service.objects.create(business=house.business, name=name, minutes=90)


def booked(house: House, client: Client, hours: float, **more: Any) -> Appointment:
    starts = timezone.now() + timedelta(hours=hours)
    more = {"title": "Cut", "starts_at": starts, "ends_at": starts + timedelta(hours=1)} | more
    return booking.book(house.business, client, silent=True, **more)


def test_the_list_and_one_message(juniper: House, nora: Browser) -> None:
    booked(juniper, juniper.client(), 30)
    said = text_of(nora.get(BASE))
    for words in (
        "Booking confirmation Right after booking, SMS and email",
        "Appointment reminder 24 hours before, SMS",
        "Payment reminder 2 days before it is due, SMS",
        "Receipt Once paid, email",
        "As Maya would see it",
        "Hi Maya, see you tomorrow at",
        "Without a first name they read: “Hi there, see you tomorrow",
        "1 segment,",
    ):
        assert words in said, words
    assert "has sent you a payment request: $85.00 for Consultation." in text_of(nora.get(f"{BASE}/asked"))
    assert nora.get(f"{BASE}/nonsense").status_code == 404
    for kind in KINDS:
        assert nora.get(f"{BASE}/{kind}").status_code == 200, kind


def test_only_managers_and_nobody_elses(juniper: House, alder: House, nora: Browser, sign_in: SignIn) -> None:
    theirs = service_of(alder, "Massage")
    booked(alder, alder.client("Zoe", "Quinn", "+14165550118"), 30, service=theirs)
    for address in (
        f"{BASE}/reminder?service={theirs.pk}",
        f"{BASE}/reminder?service=1",
        f"{BASE}/asked?service={service_of(juniper).pk}",
    ):
        assert nora.get(address).status_code == 404
        assert nora.post(address, posted("reminder")).status_code == 404
    assert "Zoe" not in text_of(nora.get(f"{BASE}/reminder"))
    assert "Massage" not in text_of(nora.get(f"{BASE}/reminder"))
    staff = sign_in(juniper.staff)
    for page in ("", "/reminder", *(f"/reminder/{verb}" for verb in ("switch", "preview", "test", "usual"))):
        response = staff.post(f"{BASE}{page}") if page.count("/") > 1 else staff.get(f"{BASE}{page}")
        assert response.status_code == 403, page
    assert Browser().get(BASE).status_code == 302
    nora.post(f"{BASE}/reminder", posted("reminder", text_en="Hello from Juniper"))
    nora.post(f"{BASE}/lead/switch", {})
    assert not Rule.objects.filter(business=alder.business).exists()
    assert Rule.objects.filter(business=juniper.business).count() == 2


def test_a_page_costs_the_same_however_much_there_is(juniper: House, nora: Browser) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert nora.get(f"{BASE}/reminder").status_code == 200
        return len(queries)

    client = juniper.client()
    booked(juniper, client, 30, service=service_of(juniper), member=juniper.staff)
    assert cost() == SIGNED_IN + FRAME + PAGE
    for n in range(12):
        of = service_of(juniper, f"Service {n}")
        booked(juniper, juniper.client("Client", f"Number{n}", f"+1503555{2000 + n}"), 20 + n, service=of)
        nora.post(f"{BASE}/reminder?service={of.pk}", posted("reminder", text_en=f"Words {n}"))
    assert cost() == SIGNED_IN + FRAME + PAGE


def test_what_is_saved_is_what_differs_from_parleys_own(juniper: House, nora: Browser) -> None:
    response = nora.post(f"{BASE}/reminder", posted("reminder"))
    assert response.status_code == 302
    rule = Rule.objects.get()
    assert (rule.on, rule.sms, rule.email, rule.amount, rule.unit) == (True, True, False, 24, "hours")
    assert (rule.texts, rule.subjects, rule.emails) == ({}, {}, {})
    changes: dict[str, str | None] = {
        "text_fr": "Allo {{ client.first-name }}\r\n!",
        "email_en": "",
        "email": "on",
        "amount": "2",
        "unit": "days",
        "stop_line": "on",
        "confirms": None,
    }
    assert nora.post(f"{BASE}/reminder", posted("reminder", **changes)).status_code == 302
    rule.refresh_from_db()
    assert rule.texts == {"fr": "Allo {{ client.first-name }}\n!"}
    assert rule.emails == {"en": ""}
    assert (rule.email, rule.amount, rule.unit) == (True, 2, "days")
    assert (rule.stop_line, rule.confirms) == (True, False)
    said = text_of(nora.get(f"{BASE}/reminder"))
    assert "2 days before, SMS and email" in said
    assert "The words ask for a C, but C confirms nothing" in said
    assert Rule.objects.count() == 1


WRONG: list[tuple[str, dict[str, str | None], str]] = [
    ("reminder", {"text_fr": "Allo {{ client.nickname }}"}, "There is no “client.nickname”."),
    ("reminder", {"text_en": " "}, "Write what they should read."),
    ("reminder", {"subject_es": "{{", "email": "on"}, "A detail is not closed near “{{”."),
    ("reminder", {"sms": None}, "Choose SMS, email or both."),
    ("reminder", {"amount": ""}, "Enter how long."),
    ("reminder", {"amount": "5", "unit": "minutes"}, "Enter 10 minutes or more."),
    ("reminder", {"amount": "61", "unit": "days"}, "Enter 60 days or less."),
    ("reminder", {"amount": "x"}, "Enter a whole number."),
    ("closed", {}, "Say first when you are open"),
    ("closed", {"sms": None, "on": None}, "Choose SMS, or turn the message off."),
]


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(juniper: House, nora: Browser) -> None:
    for kind, changes, words in WRONG:
        typed = posted(kind, **({"text_es": "Hola <b>, cliente"} | changes))
        response = nora.post(f"{BASE}/{kind}", typed)
        assert response.status_code == 422, changes
        said = response.content.decode()
        assert words in html.unescape(said), changes
        assert "Hola &lt;b&gt;, cliente" in said
        for name in typed.keys() & {"text_fr", "subject_es"}:
            assert html.escape(typed[name].strip()) in said
    assert not Rule.objects.exists()


def test_a_service_has_its_own_words_and_goes_back(juniper: House, nora: Browser) -> None:
    of = service_of(juniper)
    nora.post(f"{BASE}/reminder", posted("reminder", text_en="Usual, {{ client.first_name }}", amount="48"))
    page = f"{BASE}/reminder?service={of.pk}"
    said = text_of(nora.get(page))
    assert "Balayage has the usual words." in said
    assert "Usual, {{ client.first_name }}" in said
    assert Rule.objects.count() == 1
    own = posted("reminder", text_en="Wash your hair first", amount="3", unit="days")
    assert nora.post(page, own)["Location"].endswith(f"?service={of.pk}")
    assert "Juniper Hair Studio’s own words for Balayage" in text_of(nora.get(page))
    assert "Balayage (words of its own)" in text_of(nora.get(f"{BASE}/reminder"))
    usual, other = Rule.objects.order_by("service_id").in_bulk(field_name="id").values()
    rules = {rule.service_id: rule for rule in (usual, other)}
    assert rules[None].amount == 48
    assert (rules[of.pk].texts, rules[of.pk].amount) == ({"en": "Wash your hair first"}, 3)
    nora.post(f"{BASE}/reminder/usual?service={of.pk}")
    assert list(Rule.objects.values_list("service_id", flat=True)) == [None]
    assert nora.post(f"{BASE}/reminder/usual").status_code == 404


def test_what_waits_follows_the_rule(juniper: House, nora: Browser) -> None:
    appointment = booked(juniper, juniper.client(), 100)
    due = Due.objects.get(kind="reminder")
    assert due.at == appointment.starts_at - timedelta(hours=24)
    nora.post(f"{BASE}/reminder", posted("reminder", amount="3"))
    due.refresh_from_db()
    assert (due.state, due.at) == ("waiting", appointment.starts_at - timedelta(hours=3))
    nora.post(f"{BASE}/reminder/switch", {})
    due.refresh_from_db()
    assert due.state == "dropped"
    nora.post(f"{BASE}/reminder/switch", {"on": "on"})
    due.refresh_from_db()
    assert due.state == "waiting"


def test_switches(juniper: House, nora: Browser) -> None:
    business = juniper.business
    response = nora.post(f"{BASE}/thanks/switch", {"on": "on"}, **HTMX)
    assert "Thank you is on" in text_of(response)
    assert Rule.objects.get(kind="thanks").on
    assert nora.post(f"{BASE}/thanks/switch", {})["Location"] == f"{BASE}/thanks"
    assert not Rule.objects.get(kind="thanks").on
    # Whoever texts while it is closed can be told so only where hours are known.
    response = nora.post(f"{BASE}/closed/switch", {"on": "on"}, **HTMX)
    assert "Say first when you are open" in text_of(response)
    business.refresh_from_db()
    assert business.tells_closed is False
    business.hours = {"mon": [["09:00", "17:00"]]}
    business.save()
    nora.post(f"{BASE}/closed/switch", {"on": "on"}, **HTMX)
    business.refresh_from_db()
    assert business.tells_closed is True
    nora.post(f"{BASE}/closed", posted("closed", on=None))
    business.refresh_from_db()
    assert business.tells_closed is False


def test_the_preview_reads_what_is_typed(juniper: House, nora: Browser) -> None:
    juniper.client()
    address = f"{BASE}/lead/preview"

    def said(**changes: str | None) -> str:
        return text_of(nora.post(address, posted("lead", **changes), **HTMX))

    assert "Hi Maya, thank you for getting in touch with Juniper Hair Studio." in said()
    assert "Hola Maya, gracias por escribir" in said(language="es")
    assert "Not ready yet" in said(text_en="{{ client.frist_name }}")
    assert "Did you mean client.first_name?" in said(text_en="{{ client.frist_name }}")
    assert "Without a last name they read: “Dear”" in said(text_en="Dear {{ client.last_name }}")
    assert "“ê” makes this text cost more" in said(text_en="ê" * 80)
    # Curly quotes alone do not make a text cost more: they leave as straight ones.
    assert "1 segment, 82 left" in said(text_en="“" * 78)
    assert "Reply STOP to stop texts." in said(stop_line="on")
    assert "Thank you for getting in touch with Juniper" in said(email="on")
    assert not Rule.objects.exists()


def test_send_me_a_test(juniper: House, nora: Browser) -> None:
    booked(juniper, juniper.client(), 30)
    address = f"{BASE}/reminder/test"
    response = nora.post(address, posted("reminder", my_mobile="12"), **HTMX)
    assert "That number is too short." in text_of(response)
    assert 'value="12"' in response.content.decode()
    assert not Message.objects.exists()
    typed = posted("reminder", my_mobile="503 555 0190", text_en="Hi {{ client.first_name }}!", email="on")
    said = text_of(nora.post(address, typed, **HTMX))
    assert "Text sent to (503) 555-0190." in said
    assert "Email sent to nora@juniper.example." in said
    juniper.owner.refresh_from_db()
    assert juniper.owner.phone == "+15035550190"
    text, email = Message.objects.order_by("-channel")
    assert (text.title, text.body, text.their_address) == (
        "Test: Appointment reminder",
        "Hi Maya!",
        "+15035550190",
    )
    assert (text.kind, text.state, text.segments) == ("transactional", "queued", 1)
    assert email.subject.startswith("Test: See you tomorrow")
    card = Client.objects.get(phone="+15035550190")
    assert (card.name, card.business_id) == ("Nora Kim", juniper.business.pk)
    # Pressed twice in one page it is sent once; other words are another test.
    press = {"press": "7a2b1f9e-0000-4000-8000-000000000001"}
    for words in ("Again!", "Again!", "Anew!"):
        said = text_of(nora.post(address, posted("reminder", text_en=words) | press, **HTMX))
        assert "Text sent to" in said
    assert Message.objects.filter(channel="sms").count() == 3
    # Without scripts the page comes back with all that was typed.
    whole = nora.post(address, posted("reminder", text_en="Unsaved words"))
    assert "Unsaved words" in text_of(whole)
    assert "Text sent to" in text_of(whole)
    Client.objects.filter(pk=card.pk).update(texting="stopped")
    said = text_of(nora.post(address, posted("reminder"), **HTMX))
    assert "Not sent. Nora asked you to stop texting." in said
    assert not Rule.objects.exists()


def test_opening_hours_language_and_address(juniper: House, nora: Browser) -> None:
    page = "/settings/business"
    given = {"name": "Juniper", "time_zone": "America/Los_Angeles", "email": "hello@juniper.example"}
    given |= {"country": "US", "language": "fr", "address": "1418 SE Alder Street"}
    assert nora.post(page, given).status_code == 302
    hours = {"hours": "", "mon_1_opens": "09:00", "mon_1_closes": "12:00", "mon_2_opens": "13:00"}
    hours |= {"mon_2_closes": "17:00", "sat_1_opens": "18:00", "sat_1_closes": "00:00"}
    assert nora.post(page, hours).status_code == 302
    business = juniper.business
    business.refresh_from_db()
    assert (business.language, business.address, business.name) == ("fr", "1418 SE Alder Street", "Juniper")
    assert business.hours["mon"] == [["09:00", "12:00"], ["13:00", "17:00"]]
    assert business.hours["sat"] == [["18:00", "00:00"]]
    assert business.hours["sun"] == []
    said = text_of(nora.get(f"{BASE}/closed"))
    assert "Monday 9:00 AM to 12:00 PM and 1:00 PM to 5:00 PM, Saturday 6:00 PM to midnight" in said
    for wrong, words in (
        ({"mon_1_closes": ""}, "Enter both"),
        ({"mon_1_closes": "08:00"}, "Close later than you open."),
        ({"mon_2_opens": "11:00"}, "The second time begins after the first has ended."),
        ({"mon_1_opens": "x"}, "Enter a time like 9:00 AM."),
    ):
        response = nora.post(page, hours | wrong)
        assert response.status_code == 422
        assert words in text_of(response)
        assert 'value="17:00"' in response.content.decode()
    nora.post(page, {"hours": ""})
    business.refresh_from_db()
    assert business.hours == {}
    maya = juniper.client()
    nora.post(f"/clients/{maya.pk}/edit", {"first_name": "Maya", "phone": maya.phone, "language": "es"})
    maya.refresh_from_db()
    assert maya.language == "es"


def paid(house: House, client: Client) -> None:
    asking.pay(asking.ask(house.business, client, title="Cut", cents=8500, silent=True))


def rehearse(nora: Browser, kind: str, service: Service | None = None, **changes: str | None) -> str:
    query = f"?service={service.pk}" if service else ""
    response: HttpResponse = nora.post(f"{BASE}/{kind}/rehearsal{query}", posted(kind, **changes))  # type: ignore[assignment]
    assert response.status_code == 200
    return text_of(response)


def test_the_rehearsal_says_whom_it_would_have_reached(juniper: House, alder: House, nora: Browser) -> None:
    maya = juniper.client(email="maya@example.com")
    tom = juniper.client("Tom", "Reed", "+15035550119")
    ann = juniper.client("Ann", "Stone", "")
    Client.objects.filter(pk=tom.pk).update(texting="stopped")
    of = service_of(juniper)
    booked(alder, alder.client("Zoe", "Quinn", "+14165550118"), -48)
    for client, hours, service in (
        (maya, -48, None),
        (maya, -72, of),
        (tom, -50, None),
        (ann, -50, None),
        (maya, -24 * 40, None),
        (maya, 240, None),
    ):
        each = booked(juniper, client, hours, service=service)
        Appointment.objects.filter(pk=each.pk).update(created_at=each.starts_at - timedelta(days=8))
    late = booked(juniper, maya, -30)
    Appointment.objects.filter(pk=late.pk).update(created_at=late.starts_at - timedelta(hours=5))

    said = rehearse(nora, "reminder")
    assert "would have reached 1 client : 2 texts, 2 segments (of" in said
    assert "Hi Maya, see you tomorrow at" in said
    assert "Tom asked you to stop texting." in said
    assert "Ann has no mobile number yet." in said
    assert "Booked later than 24 hours before." in said
    assert "Zoe" not in said
    # What is typed counts, not what is saved.
    said = rehearse(nora, "reminder", amount="4", text_en="Hey {{ client.first_name }}", email="on")
    assert "3 texts, 3 segments" in said
    assert "and 3 emails" in said
    assert "Hey Maya" in said
    assert "1 text, 1 segment" in rehearse(nora, "reminder", of)
    Rule.objects.create(
        business=juniper.business, kind="reminder", service=of, on=True, sms=True, email=False
    )
    assert "1 more is for services with words of their own." in rehearse(nora, "reminder")
    assert "1 client : 1 text, 1 segment" in rehearse(nora, "reminder")

    assert "nobody" in rehearse(nora, "paid", sms="on")
    paid(juniper, maya)
    assert "1 client : 1 text" in rehearse(nora, "paid", sms="on")
    for kind in KINDS:
        rehearse(nora, kind)
    booking.cancel(juniper.business, booked(juniper, maya, 50).pk, silent=True)
    assert "1 client : 1 text" in rehearse(nora, "cancelled")
    juniper.business.hours = {"mon": [["09:00", "09:01"]]}
    juniper.business.save()
    juniper.text(maya, "Anybody there?", minutes_ago=90)
    juniper.text(maya, "Hello?", minutes_ago=80)
    assert "client : " in rehearse(nora, "closed")
    assert Message.objects.filter(direction="out").count() == 0
