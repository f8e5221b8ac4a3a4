"""Pictures: from the client's handset into Parley's own keeping, once, whatever dies on the way."""

from __future__ import annotations

import base64
import urllib.request
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley import sandbox
from parley.carriers.base import MOST_MEDIA_BYTES, Media, Received
from parley.messaging.attachments import fetch
from parley.messaging.line import Line
from parley.messaging.media_types import ENDINGS, INLINE, UNKNOWN, sniff
from parley.messaging.models import Attachment, Message
from parley.messaging.outcomes import Changes
from parley.messaging.patience import Patience
from parley.messaging.receiving import Arrived, receive
from parley.messaging.tasks import AN_HOUR, fetch_media
from tests.messaging.signed import TWILIO, post, text_form
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

MAYA = "+15035550118"
PHOTO = (Path(sandbox.__file__).parent / "static" / "photo.png").read_bytes()


@pytest.fixture
def house(world: World, juniper: House) -> House:
    """Juniper, whose number the sandbox knows."""
    world.start("jobs")
    world.add_number(juniper.number.number)
    return juniper


def file(content_type: str, content: bytes) -> dict[str, str]:
    return {"content_type": content_type, "base64": base64.b64encode(content).decode()}


def settled(count: int = 1) -> list[Attachment]:
    """Wait until all that came along is kept or failed."""
    until(lambda: Attachment.objects.exclude(state="waiting").count() == count, what="what came along")
    return list(Attachment.objects.order_by("place"))


def jobs(house: House) -> list[ProcrastinateJob]:
    """This business's."""
    own = ProcrastinateJob.objects.filter(args__business_id=str(house.business.id))
    return list(own.filter(task_name=fetch_media.name))


def tried(house: House, times: int) -> None:
    """The queue, as if the job had been tried so often; procrastinate's own model can only be read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET attempts = %s WHERE id = ANY(%s)",
            [times, [job.id for job in jobs(house)]],
        )


def test_a_photo_from_a_handset_is_kept(world: World, house: House) -> None:
    world.texts_from(MAYA, house.number.number, "", ["sample"])
    [photo] = settled()
    assert (photo.state, photo.content_type, bytes(photo.content)) == ("kept", "image/png", PHOTO)
    assert (photo.business, photo.message) == (house.business, Message.objects.get())
    before = photo.message.changed_at
    assert fetch(photo.message.id, house.business.id, last=False)  # the job again, as after a worker's death
    assert Message.objects.get().changed_at == before


def test_what_it_is_is_told_from_the_bytes(world: World, house: House) -> None:
    page, drawing = b"<html><script>alert(1)</script>", b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    card = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Maya\r\nEND:VCARD\r\n"
    sent = [file("image/png", page), file("image/jpeg", drawing), file("image/gif", card)]
    world.texts_from(MAYA, house.number.number, "Look", sent)
    assert [a.content_type for a in settled(3)] == [UNKNOWN, UNKNOWN, "text/vcard"]
    assert len(jobs(house)) == 1


def test_the_same_webhook_again_is_the_same_picture(world: World, house: House) -> None:
    world.stop("jobs")
    form = text_form(
        world,
        MAYA,
        house.number.number,
        "",
        NumMedia="1",
        MediaUrl0="https://api.twilio.com/x",
        MediaContentType0="image/jpeg",
    )
    for _ in range(3):
        assert post(world, "/hooks/twilio/text", form) == 200
        until(lambda: Attachment.objects.exists(), what="the picture expected")
    assert post(world, "/hooks/twilio/text", text_form(world, MAYA, house.number.number, "Next")) == 200
    until(lambda: Message.objects.filter(body="Next").exists(), what="the text after it")
    assert Attachment.objects.count() == 1
    assert len(jobs(house)) == 1
    world.start("jobs")
    [refused] = settled()
    # The sandbox stands in for all of Twilio: the real one is another's host.
    assert refused.reason == "The picture could not be fetched. It is not at the carrier’s own address."


def test_a_carrier_that_is_away_is_waited_for(world: World, house: House) -> None:
    world.stop("jobs")
    world.texts_from(MAYA, house.number.number, "", ["sample"])
    until(lambda: Attachment.objects.exists(), what="the picture expected")
    world.stop("sandbox")
    world.start("jobs")
    until(lambda: any(job.attempts >= 2 for job in jobs(house)), what="a second try")
    assert Attachment.objects.get().state == "waiting"
    world.start("sandbox")
    assert bytes(settled()[0].content) == PHOTO


def test_what_was_deleted_at_the_carrier_is_said(world: World, house: House) -> None:
    world.stop("jobs")
    world.texts_from(MAYA, house.number.number, "", [file("video/mp4", b"....")])
    message = until(lambda: Message.objects.first(), what="the text")
    basic = base64.b64encode(f"{world.account_sid}:{world.auth_token}".encode()).decode()
    request = urllib.request.Request(
        message.media[0]["url"] + ".json", headers={"Authorization": f"Basic {basic}"}, method="DELETE"
    )
    assert urllib.request.urlopen(request, timeout=10).status == 204
    world.start("jobs")
    [gone] = settled()
    assert (gone.state, gone.content) == ("failed", None)
    assert gone.reason == "The attachment could not be fetched. It is no longer at the carrier."


def test_after_an_hour_it_is_given_up(world: World, house: House) -> None:
    assert sum(Patience().backoff(n) for n in range(AN_HOUR.tries - 1)) == pytest.approx(3600, rel=0.05)
    world.stop("jobs")
    world.texts_from(MAYA, house.number.number, "", ["sample"])
    until(lambda: Attachment.objects.exists(), what="the picture expected")
    world.stop("sandbox")
    tried(house, AN_HOUR.tries - 1)
    world.start("jobs")
    [photo] = settled()
    assert (photo.state, photo.reason) == ("failed", "The picture could not be fetched.")
    until(lambda: jobs(house)[0].status == "succeeded", what="the end of the job")


def test_another_business_s_is_not_to_be_had(juniper: House, alder: House) -> None:
    message = juniper.text(juniper.client(), "")
    photo = juniper.attach(message)
    assert fetch(message.id, alder.business.id, last=True)
    photo.refresh_from_db()
    assert photo.state == "waiting"
    assert not fetch(message.id, juniper.business.id, last=False), "here no carrier is set up"
    assert fetch(message.id, juniper.business.id, last=True)
    photo.refresh_from_db()
    assert photo.state == "failed"
    assert message.changed_at < Message.objects.get().changed_at, "open pages ask for what has changed"
    with pytest.raises(IntegrityError), transaction.atomic():
        alder.attach(message)


def test_the_database_holds_it_to_its_size(juniper: House) -> None:
    message = juniper.text(juniper.client(), "")
    juniper.attach(message, bytes(MOST_MEDIA_BYTES))
    for wrong in ({"content": bytes(MOST_MEDIA_BYTES + 1)}, {"state": "kept"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            juniper.attach(message, **wrong)


async def test_text_picture_and_job_are_one_transaction(line: Line, house_of_line: House) -> None:
    texts = [
        Arrived(
            n, Received(f"MM{n}", MAYA, house_of_line.number.number, "", pictures), timezone.now(), TWILIO
        )
        for n, pictures in enumerate([(), (Media("https://x.example/1", "image/png"),) * 3])
    ]

    async def work(db: psycopg.AsyncConnection) -> None:
        await receive(db, texts, Changes(), Patience())
        assert await counts(db) == (2, 3, 1)
        raise ZeroDivisionError

    async def counts(db: psycopg.AsyncConnection) -> tuple[int, ...]:
        found = await db.execute(
            """
            SELECT (SELECT count(*) FROM messaging_message) AS texts,
                   (SELECT count(*) FROM messaging_attachment) AS pictures,
                   (SELECT count(*) FROM procrastinate_jobs
                    WHERE args->>'business_id' = %s AND task_name = %s) AS jobs
            """,
            [str(house_of_line.business.id), fetch_media.name],
        )
        return tuple(await found.fetchone())

    with pytest.raises(ZeroDivisionError):
        await line.run(work)
    assert await line.run(counts) == (0, 0, 0)
    await line.run(lambda db: receive(db, texts, Changes(), Patience()))
    assert await line.run(counts) == (2, 3, 1)
    [job] = await sync_to_async(jobs)(house_of_line)
    assert set(job.args) == {"message_id", "business_id"}
    assert all(UUID(value) for value in job.args.values())


@pytest.fixture
async def house_of_line(line: Line, juniper: House) -> House:
    return juniper


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (b"\xff\xd8\xff\xe1", "image/jpeg"),
        (PHOTO, "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\n\n\n\nWAVE", "audio/wav"),
        (b"%PDF-1.7", "application/pdf"),
        (b"begin:vcard\nversion:3.0", "text/vcard"),
        (b"\xef\xbb\xbfBEGIN:VCARD\r\n", "text/vcard"),
        (b"#!AMR\n", "audio/amr"),
        (b"ID3\x03", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"OggS\x00", "audio/ogg"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00\x18ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x18ftyp3gp5", "video/3gpp"),
        (b"\x00\x00\x00\x18ftypisom", "video/mp4"),
        (b"\x1a\x45\xdf\xa3\x01webm", "video/webm"),
        (b"<svg/>", UNKNOWN),
        (b"<!doctype html>", UNKNOWN),
        (b"  \xff\xd8\xff", UNKNOWN),
        (b"RIFF", UNKNOWN),
        (b"MZ\x90", UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_signatures(content: bytes, type_: str) -> None:
    assert sniff(content) == type_
    assert (type_ in ENDINGS) == (type_ != UNKNOWN)


def test_nothing_that_runs_is_shown() -> None:
    assert not {type_ for type_ in INLINE if "svg" in type_ or not type_.startswith("image/")}
