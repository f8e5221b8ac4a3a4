"""The app's pages and a voicemail's bytes: who may, what is kept, and what it costs to show."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from parley.calls.models import Answerer, Call, CallRules, Recording
from parley.messaging.models import Conversation, Message
from parley.numbers.models import PhoneNumber
from tests.calls.conftest import sound
from tests.people import House

pytestmark = pytest.mark.django_db


def enter(member: Any) -> Browser:
    browser = Browser()
    browser.force_login(member.user)
    return browser


def missed(house: House, *, voicemail: bytes | None = None) -> Call:
    """Maya called and nobody took it."""
    client = house.business.clients.filter(phone="+15035550118").first() or house.client()
    conversation, _ = Conversation.objects.get_or_create(
        business=house.business, client=client, defaults={"last_at": timezone.now()}
    )
    now = timezone.now()
    message = Message.objects.create(
        business=house.business,
        conversation=conversation,
        direction="in",
        channel="call",
        state="received",
        title="Missed call, voicemail 0:03" if voicemail else "Missed call",
        code="missed",
        body="",
        number=house.number,
        their_address=client.phone,
        at=now,
        changed_at=now,
    )
    call = Call.objects.create(
        business=house.business,
        message=message,
        number=house.number,
        direction="in",
        state="missed",
        their_number=client.phone,
        carrier="twilio",
        carrier_id=f"CA{uuid4().hex}",
        started_at=now,
        ended_at=now,
    )
    if voicemail:
        Recording.objects.create(
            business=house.business,
            call=call,
            carrier_id=f"RE{uuid4().hex}",
            url="",
            state="kept",
            seconds=3,
            content_type="audio/wav",
            content=voicemail,
            wave=[10, 100] * 20,
            delete_at=now,
        )
    Conversation.objects.filter(pk=conversation.pk).update(
        last_message=message, last_at=now, waiting=True, unread=1
    )
    return call


def test_installing_and_removing_change_nothing_of_the_number(juniper: House) -> None:
    nora, business = enter(juniper.owner), juniper.business
    before = PhoneNumber.objects.filter(business=business).values().get()
    assert nora.post(reverse("calls_install")).url == reverse("sms_settings"), "Texting alone"
    business.mode = "calls"
    business.save(update_fields=["mode"])
    assert "Voicemail</span>" not in nora.get(reverse("texting_app")).content.decode()
    assert enter(juniper.staff).post(reverse("calls_install")).status_code == 403
    nora.post(reverse("calls_install"))
    menu = nora.get(reverse("texting_app")).content.decode()
    assert all(
        f"{item}</span>" in menu for item in ("Calls", "Texting", "Voicemail", "Who can answer", "Usage")
    )
    assert "Remove calls?" in nora.get(reverse("calls_remove")).content.decode()
    assert CallRules.objects.get().installed
    nora.post(reverse("calls_remove"))
    assert not CallRules.objects.get().installed
    after = PhoneNumber.objects.filter(business=business).values().get()
    assert {k for k in before if before[k] != after[k]} <= {"asks_at"}


def test_the_rules_say_what_is_wrong_and_keep_what_was_typed(house: House) -> None:
    nora = enter(house.owner)
    good = {
        "ring": "turn",
        "ring_seconds": "15",
        "text_back_hours": "6",
        "text_back": "Call us, {{ business.name }}",
    }
    bad = good | {"ring_seconds": "2", "text_back": "Hi {{ nobody.knows }}", "greeting": "Hello there"}
    page = nora.post(reverse("calls"), bad)
    assert page.status_code == 422
    said = page.content.decode()
    assert "Choose from 5 to 60 seconds." in said
    assert "Hello there" in said
    assert "nobody.knows" in said
    assert nora.post(reverse("calls"), good | {"texts_back": "on"}).status_code == 302
    rules = CallRules.objects.get()
    assert (rules.ring, rules.ring_seconds, rules.texts_back, rules.text_back_hours) == ("turn", 15, True, 6)
    assert nora.get(reverse("calls_usage")).status_code == 200
    assert enter(house.staff).get(reverse("calls_usage")).status_code == 403


def test_who_can_answer(house: House, alder: House) -> None:
    nora, page = enter(house.owner), reverse("answerers")
    order = (
        Answerer.objects.filter(business=house.business).order_by("place").values_list("member", flat=True)
    )
    assert list(order.all()) == [house.owner.pk, house.staff.pk]
    nora.post(page, {"member": house.staff.pk, "act": "up"})
    assert list(order.all()) == [house.staff.pk, house.owner.pk]
    for wrong, words in {"911": "", "12": "", house.number.number: "toll-free"}.items():
        said = nora.post(
            page, {"member": house.staff.pk, "act": "phone", "phone": wrong}, headers={"HX-Request": "true"}
        ).content.decode()
        assert all(each in said for each in (words, f'value="{wrong}"')), wrong
    nora.post(page, {"member": house.staff.pk, "act": "turn"})
    assert list(order.all()) == [house.owner.pk]
    # Whoever comes back is the last, also behind who was the third of three.
    Answerer.objects.filter(business=house.business).update(place=3)
    nora.post(page, {"member": house.staff.pk, "act": "turn", "on": "on"})
    assert list(order.all()) == [house.owner.pk, house.staff.pk]
    nora.post(page, {"member": house.staff.pk, "act": "turn"})
    assert nora.post(page, {"member": alder.staff.pk, "act": "turn", "on": "on"}).status_code == 404
    hours = reverse("answerer_hours", args=[house.owner.pk])
    nora.post(hours, {"mon_1_opens": "09:00", "mon_1_closes": "17:00"})
    assert Answerer.objects.get(member=house.owner).hours["mon"] == [["09:00", "17:00"]]
    assert enter(alder.owner).get(hours).status_code == 404


def test_a_voicemail_is_its_business_s_alone_and_comes_in_parts(house: House, alder: House) -> None:
    wav = sound(3)
    call = missed(house, voicemail=wav)
    kept = call.recordings.get()
    address = reverse("voicemail_sound", args=[kept.pk])
    jules, other = enter(house.staff), enter(alder.owner)
    whole = jules.get(address)
    assert (whole.content, whole["Content-Type"], whole["X-Content-Type-Options"]) == (
        wav,
        "audio/wav",
        "nosniff",
    )
    assert whole["Cache-Control"] == "private, no-store"
    size = len(wav)
    for asked, status, part, told in (
        ("bytes=0-1", 206, wav[:2], f"bytes 0-1/{size}"),
        ("bytes=100-", 206, wav[100:], f"bytes 100-{size - 1}/{size}"),
        ("bytes=-10", 206, wav[-10:], f"bytes {size - 10}-{size - 1}/{size}"),
        (f"bytes=10-{size * 2}", 206, wav[10:], f"bytes 10-{size - 1}/{size}"),
        (f"bytes={size}-", 416, b"", f"bytes */{size}"),
        ("bytes=0-1,4-5", 200, wav, None),
        ("nonsense", 200, wav, None),
    ):
        answer = jules.get(address, headers={"Range": asked})
        assert (answer.status_code, answer.content, answer.headers.get("Content-Range")) == (
            status,
            part,
            told,
        ), asked
    for name in ("voicemail_sound", "voicemail_delete"):
        assert other.get(reverse(name, args=[kept.pk])).status_code == 404
    for name in ("voicemail_delete", "voicemail_again"):
        assert other.post(reverse(name, args=[kept.pk])).status_code == 404
    other.post(reverse("voicemail_heard", args=[kept.pk]))
    kept.refresh_from_db()
    assert (kept.state, kept.heard_at) == ("kept", None)
    client = call.message.conversation.client
    assert other.get(reverse("call_client", args=[client.pk])).status_code == 404
    assert other.post(reverse("call_client", args=[client.pk]), {"key": uuid4()}).status_code == 404
    assert other.get(reverse("calls"), {"after": call.pk}).status_code == 404
    assert "Okafor" not in other.get(reverse("calls")).content.decode()
    jules.post(reverse("voicemail_heard", args=[kept.pk]))
    kept.refresh_from_db()
    assert kept.heard_at
    jules.post(reverse("voicemail_delete", args=[kept.pk]))
    assert jules.get(address).status_code == 404


def test_one_that_was_not_to_be_had_is_asked_for_again_where_one_stands(house: House) -> None:
    Recording.objects.create(
        business=house.business,
        call=missed(house),
        carrier_id="RE1",
        url="x",
        state="failed",
        delete_at=timezone.now(),
    )
    nora, failed = enter(house.owner), Recording.objects.get()
    assert 'name="listed"' in nora.get(reverse("voicemails")).content.decode()
    again = reverse("voicemail_again", args=[failed.pk])
    assert enter(house.staff).post(again, {"listed": "yes"})["Location"] == reverse("voicemails")
    page = nora.get(reverse("voicemails")).content.decode()
    assert "The voicemail is on its way…" in page
    assert nora.post(again).status_code == 404


def test_a_list_says_what_became_of_a_call_in_one_sentence(house: House) -> None:
    nora = enter(house.owner)
    missed(house)
    for changes, said in (
        ({"direction": "out", "state": "missed"}, "Outgoing call, no answer"),
        ({"direction": "in", "state": "missed"}, "Missed call"),
        (
            {"state": "ended", "answered_at": timezone.now(), "seconds": 62, "member": house.staff},
            "Incoming call, 1:02, Jules took it",
        ),
        ({"state": "talking"}, "Incoming call, Jules is on the phone with them"),
        ({"member": house.owner}, "Incoming call, you are on the phone with them"),
    ):
        Call.objects.update(**changes)
        assert f"<small>{said}</small>" in nora.get(reverse("calls")).content.decode(), said
    # Each detail is offered once, and what is counted is what is sent: without the typographer’s quotes.
    page = nora.get(reverse("calls")).content.decode()
    assert page.count("Business name</button>") == 1
    assert "<b>1 segment</b>" in page


def test_a_call_in_the_thread_the_list_and_the_card(house: House) -> None:
    call = missed(house, voicemail=sound(3))
    nora, conversation = enter(house.owner), call.message.conversation

    def asks(address: str) -> tuple[int, str]:
        with CaptureQueriesContext(connection) as told:
            page = nora.get(address)
        return len(told), page.content.decode()

    thread = reverse("conversation", args=[conversation.pk])
    card = reverse("client", args=[conversation.client_id])
    one, said = asks(thread)
    assert "Missed call, voicemail 0:03" in said
    assert "Play voicemail, 3 seconds" in said
    assert "Call back" in said
    of_card, told = asks(card)
    assert "Missed call with voicemail" in told
    for _ in range(3):
        missed(house, voicemail=sound(1))
    assert (asks(thread)[0], asks(card)[0]) == (one, of_card), "four calls cost what one does"
    Message.objects.filter(channel="call").update(channel="sms")
    assert (asks(thread)[0], asks(card)[0]) == (one - 2, of_card - 2), "without calls nothing is asked"


def test_calling_asks_for_the_phone_where_it_is_missing(house: House) -> None:
    call = missed(house)
    client = call.message.conversation.client
    house.owner.phone = ""
    house.owner.save(update_fields=["phone"])
    nora, address = enter(house.owner), reverse("call_client", args=[client.pk])
    assert "Your own phone" in nora.get(address).content.decode()
    key = uuid4()
    wrong = nora.post(address, {"key": key, "phone": "12"})
    assert wrong.status_code == 422
    assert 'value="12"' in wrong.content.decode()
    assert not Call.objects.filter(direction="out").exists()
    for _ in range(2):
        nora.post(address, {"key": key, "phone": "(503) 555-0190"})
    placed = Call.objects.get(direction="out")
    assert placed.member == house.owner
    assert placed.message.author == house.owner
