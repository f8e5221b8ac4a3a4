"""The webhooks' door: what is let in, once, and what is not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from faults import webhooks
from faults.forged import FORGERIES, forge
from parley.messaging.models import CarrierEvent, Conversation, Message
from tests.messaging.signed import post, sid, text_form
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "/hooks/twilio/text"
MAYA, OURS = "+15035550118", "+18555550142"


@pytest.fixture
def world(web: World) -> World:
    """With whoever reads what the door let in; nothing is sent here."""
    web.afresh("texts")
    return web


def test_a_signed_text_is_kept_and_answered_with_empty_twiml(web: World) -> None:
    assert post(web, TEXT, text_form(web, MAYA, OURS, "Hello")) == 200
    event = CarrierEvent.objects.get()
    assert (event.carrier, event.kind, event.done_at) == ("twilio", "text", None)
    assert "Body=Hello" in event.form


def test_the_same_webhook_twenty_times_at_once_is_one_event(web: World) -> None:
    form = text_form(web, MAYA, OURS, "Hello")
    with ThreadPoolExecutor(10) as senders:
        answers = set(senders.map(lambda _: post(web, TEXT, form), range(20)))
    assert answers == {200}
    assert CarrierEvent.objects.count() == 1


@pytest.mark.parametrize(
    "forgery",
    [
        {"signature": ""},
        {"signature": "bm90IGEgc2lnbmF0dXJl"},
        {"signature": "é"},
        {"token": "another-account-s-token"},
    ],
)
def test_a_forged_webhook_is_refused_and_nothing_is_kept(web: World, forgery: dict[str, str]) -> None:
    assert post(web, TEXT, text_form(web, MAYA, OURS, "Hello"), **forgery) == 403
    assert not CarrierEvent.objects.exists()


def test_a_signature_holds_for_its_own_words_and_address_only(web: World) -> None:
    from twilio.request_validator import RequestValidator

    form = text_form(web, MAYA, OURS, "Hello")
    signature = RequestValidator(web.auth_token).compute_signature(web.url + TEXT, form)
    assert post(web, TEXT, form | {"Body": "Changed"}, signature=signature) == 403
    assert post(web, f"{TEXT}?x=1", form, signature=signature) == 403
    assert post(web, f"/hooks/twilio/receipt/{uuid4()}", form, signature=signature) == 403
    assert not CarrierEvent.objects.exists()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/hooks/", 404),
        ("/hooks/nobody/text", 404),
        ("/hooks/twilio/receipt/not-an-id", 404),
        ("/hooks/twilio", 404),
    ],
)
def test_addresses_that_are_not_there(web: World, path: str, status: int) -> None:
    assert post(web, path, text_form(web, MAYA, OURS, "Hello")) == status


def test_a_body_larger_than_any_webhook(web: World) -> None:
    assert post(web, TEXT, text_form(web, MAYA, OURS, "a" * 1_100_000)) == 413


def test_what_is_signed_but_unknown_is_kept_for_a_person(world: World, juniper: House) -> None:
    assert post(world, TEXT, {"AccountSid": world.account_sid, "Something": "new"}) == 200
    event = until(lambda: CarrierEvent.objects.exclude(trouble="").first(), what="the event set aside")
    assert event.trouble == "it holds no text"
    # It holds up nobody.
    assert post(world, TEXT, text_form(world, MAYA, OURS, "Hello")) == 200
    until(lambda: Message.objects.exists(), what="the text after it")


def test_words_that_would_poison_a_database_do_not(world: World, juniper: House) -> None:
    for body in ("nul\x00byte", "𝄞 clef 👩🏽‍🚀", "<script>alert(1)</script>", "x" * 1600, ""):
        assert post(world, TEXT, text_form(world, MAYA, OURS, body)) == 200
    until(lambda: Message.objects.count() == 5, what="five messages")
    bodies = set(Message.objects.values_list("body", flat=True))
    assert bodies == {"nulbyte", "𝄞 clef 👩🏽‍🚀", "<script>alert(1)</script>", "x" * 1600, ""}


def test_texts_of_a_conversation_keep_their_order(world: World, juniper: House) -> None:
    for n in range(30):
        assert post(world, TEXT, text_form(world, MAYA, OURS, f"{n}")) == 200
    until(lambda: Message.objects.count() == 30, what="thirty messages")
    bodies = list(Message.objects.order_by("at", "id").values_list("body", flat=True))
    assert bodies == [f"{n}" for n in range(30)]
    assert Conversation.objects.get().unread == 30


def test_a_text_to_a_number_that_is_nobody_s_is_kept_and_shown_to_nobody(
    world: World, juniper: House
) -> None:
    assert post(world, TEXT, text_form(world, MAYA, "+18555550100", "Hello")) == 200
    event = until(lambda: CarrierEvent.objects.exclude(done_at=None).first(), what="the event read")
    assert event.trouble == "it names nobody we know"
    assert not Message.objects.exists()


def test_stop_and_start_are_obeyed(world: World, juniper: House) -> None:
    client = juniper.client()
    for word, texting in (("Stop.", "stopped"), ("hello?", "stopped"), ("START", "ok")):
        assert post(world, TEXT, text_form(world, MAYA, OURS, word)) == 200
        until(lambda: Message.objects.filter(body=word).exists(), what=word)  # noqa: B023
        client.refresh_from_db()
        assert client.texting == texting


def test_a_receipt_for_nobody_is_answered_and_kept(world: World, juniper: House) -> None:
    form = {"MessageSid": sid(), "MessageStatus": "delivered", "AccountSid": world.account_sid}
    assert post(world, f"/hooks/twilio/receipt/{uuid4()}", form) == 200
    event = until(lambda: CarrierEvent.objects.exclude(done_at=None).first(), what="the event read")
    assert event.trouble == "it names nobody we know"


def test_a_picture_is_kept_with_its_address(world: World, juniper: House) -> None:
    form = text_form(
        world,
        MAYA,
        OURS,
        "",
        NumMedia="1",
        MediaUrl0="https://api.twilio.com/x",
        MediaContentType0="image/jpeg",
    )
    assert post(world, TEXT, form) == 200
    message = until(lambda: Message.objects.first(), what="the message")
    assert message.media == [{"url": "https://api.twilio.com/x", "content_type": "image/jpeg"}]


def test_no_forgery_is_let_in_and_no_replay_makes_a_row(web: World) -> None:
    seen = forge(web, forged=len(FORGERIES), replayed=5, seed=1)
    assert not any(seen[name] for name in ("let_in", "lost", "duplicated", "misshown")), seen


def test_what_got_its_200_is_kept_though_the_server_is_killed(web: World) -> None:
    knocks = webhooks.texts(web, 60, seed=1)
    caller = webhooks.Caller(web.port)

    def post(n: int) -> None:
        if n == 30:
            web.kill("web")
        caller.post(knocks[n])

    with ThreadPoolExecutor(6) as senders:
        list(senders.map(post, range(60)))
    acked = {knock.key for knock in knocks if knock.status == 200}
    assert 20 < len(acked) < 40
    assert acked <= set(CarrierEvent.objects.values_list("key", flat=True))
