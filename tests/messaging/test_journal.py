"""Webhooks while the database is away: in the journal, on the disk, and then in the database, once."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import connection

from parley.carriers.base import Received
from parley.messaging import intake, journal, revoking
from parley.messaging.delivery import Delivery
from parley.messaging.events import NewEvent
from parley.messaging.journal import Journal
from parley.messaging.line import Db, Line
from parley.messaging.models import CarrierEvent, Message
from parley.messaging.patience import Patience
from parley.messaging.revoking import Said
from parley.messaging.sending import send
from tests.messaging.signed import TWILIO, post, sid, text_form
from tests.people import House, make_house
from tests.proxy import Way, a_way
from tests.waiting import until
from tests.world import World, a_world

SECRET = "known to everybody, and long enough"
RECORDS = [b"one", b"", "zwölf".encode(), b"x" * 100_000]
TEXT = "/hooks/twilio/text"
MAYA, NOAH, OURS = "+15035550118", "+15035550119", "+18555550142"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def written(folder: Path, records: list[bytes] = RECORDS) -> Path:
    """A file that its process has left behind."""
    mine = Journal(folder, "events", SECRET)
    mine.append(records)
    mine.close()
    (path,) = journal.left_in(folder, "events")
    return path


def read(path: Path, secret: str = SECRET) -> tuple[list[bytes], bool]:
    left = journal.take(path, secret)
    assert left is not None
    left.let_go()
    return left.records, left.damaged


# ---- The file


def test_what_was_appended_is_read_again(folder: Path) -> None:
    assert read(written(folder)) == (RECORDS, False)


def test_nobody_else_can_read_it(folder: Path) -> None:
    path = written(folder, [b"My address is 12 Elm Street"])
    assert (folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert b"Elm" not in path.read_bytes()
    assert read(path, "another key, and also long enough") == ([], True)


def test_a_torn_end_takes_only_what_nobody_was_told_of(folder: Path) -> None:
    path = written(folder, [b"one", b"two", b"three"])
    whole = path.read_bytes()
    last = journal.HEAD + journal.NONCE + len(b"three") + 16
    for cut in range(1, last + 1):
        path.write_bytes(whole[:-cut])
        assert read(path) == ([b"one", b"two"], False), cut
    # The length of the file came onto the disk, and its end did not.
    for lacking in (last, 10):
        path.write_bytes(whole[:-lacking] + bytes(lacking))
        assert read(path) == ([b"one", b"two"], False), lacking


def test_what_is_damaged_is_noticed_and_takes_no_other_with_it(folder: Path) -> None:
    path = written(folder, [b"one", b"two", b"three"])
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        records, damaged = read(path)
        assert set(records) < {b"one", b"two", b"three"}
        last = len(whole) - journal.HEAD - journal.NONCE - len(b"three") - 16
        # In the last record it could be a torn end.
        assert damaged or at >= last
    left = journal.take(path, "another key, and also long enough")
    assert left
    assert left.damaged
    left.done()
    left.let_go()
    assert [kept.suffix for kept in folder.iterdir()] == [".damaged"]


def test_a_file_is_left_alone_while_somebody_writes_or_reads_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Journal(folder, "events", SECRET)
    mine.append([b"one"])
    (path,) = journal.left_in(folder, "events")
    assert journal.take(path, SECRET) is None
    mine.close()
    first = journal.take(path, SECRET)
    assert first is not None
    assert journal.take(path, SECRET) is None
    first.let_go()

    lock = fcntl.flock

    def removed_meanwhile(file: int, how: int) -> None:
        path.unlink()
        lock(file, how)

    with monkeypatch.context() as slow:
        slow.setattr(fcntl, "flock", removed_meanwhile)
        assert journal.take(path, SECRET) is None
    mine.append([b"two"])
    assert journal.waiting(folder) == 1
    assert read_all(folder, mine) == [b"two"]


def read_all(folder: Path, *mine: Journal) -> list[bytes]:
    for one in mine:
        one.close()
    return [record for path in journal.left_in(folder, "events") for record in read(path)[0]]


def test_two_processes_never_write_the_same_file(folder: Path) -> None:
    one, two = (Journal(folder, "events", SECRET) for _ in range(2))
    pid = os.fork()
    if pid == 0:
        two.append([b"child"])
        os._exit(0)
    for n in range(5):
        one.append([str(n).encode()])
        two.append([str(n).encode()])
    assert os.waitpid(pid, 0)[1] == 0
    assert len(journal.left_in(folder, "events")) == 3
    assert sorted(read_all(folder, one, two)) == sorted(
        [b"child", *(str(n).encode() for n in range(5))] + [str(n).encode() for n in range(5)]
    )


def test_a_full_disk_is_said_and_what_was_durable_stays(folder: Path) -> None:
    mine = Journal(folder, "events", SECRET)
    mine.append([b"one"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        for _ in range(3):
            with pytest.raises(OSError, match="File too large"):
                mine.append([b"x" * 2000])
        assert len(list(folder.iterdir())) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    mine.append([b"two"])
    assert read_all(folder, mine) == [b"one", b"two"]


def test_a_record_counts_only_after_fsync_and_no_file_is_trusted_after_one_failed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Journal(folder, "events", SECRET)
    mine.append([b"one"])

    def failing(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", failing)
        with pytest.raises(OSError, match="Input/output"):
            mine.append([b"two"])
    mine.append([b"three"])
    assert len(journal.left_in(folder, "events")) == 2
    assert {b"one", b"three"} <= set(read_all(folder, mine))


# ---- With real processes


@pytest.fixture
def way(transactional_db: None) -> Iterator[Way]:
    with a_way() as way:
        yield way


@pytest.fixture
def cut_off(way: Way, tmp_path: Path) -> Iterator[World]:
    """A `parley web` that has never seen its database, which is there for all others."""
    with a_world(tmp_path) as world:
        world.launch("web", DATABASE_URL=way.url)
        until(lambda: listens(world), 40, what="web")
        yield world


def listens(world: World) -> bool:
    assert world.running("web"), (world.folder / "web.log").read_text()[-2000:]
    try:
        return post(world, "/hooks/nobody/text", {"a": "b"}) == 404
    except OSError:
        return False


def events() -> int:
    return CarrierEvent.objects.count()


def test_nothing_is_lost_and_nothing_sent_wrongly_while_the_database_is_away(
    cut_off: World, way: Way, juniper: House
) -> None:
    world = cut_off
    world.start("sandbox")
    world.add_number(OURS)
    juniper.client()
    noah = juniper.client("Noah", phone=NOAH)

    # It has never been there.
    hello, stop = text_form(world, MAYA, OURS, "Hello"), text_form(world, NOAH, OURS, "STOP")
    assert post(world, TEXT, hello) == 200
    assert post(world, TEXT, hello) == 200
    assert post(world, TEXT, hello | {"Body": "Forged"}, token="another-account-s-token") == 403
    # An opt-out that nobody has obeyed is not acknowledged.
    assert post(world, TEXT, stop) == 503
    assert events() == 0
    send(juniper.owner, noah, channel="sms", body="See you at nine")
    world.start("texts")
    until(lambda: connected("parley receiving"), what="texts")
    came = time.time()

    way.open()
    until(lambda: Message.objects.filter(direction="in").count() == 2, what="both texts")
    assert events() == 2
    assert Message.objects.get(body="Hello").at.timestamp() < came
    until(lambda: Message.objects.filter(direction="out", body="See you at nine", state="canceled").exists())
    assert not [row for row in world.truth() if row["body"] == "See you at nine"]
    assert post(world, TEXT, stop) == 200
    until(lambda: not list((world.folder / "journal").glob("*")), what="an empty journal")

    # It does not answer, on a connection that is there.
    assert post(world, TEXT, hello) == 200
    way.hang()
    receipt = {"MessageSid": sid(), "MessageStatus": "delivered", "AccountSid": world.account_sid}
    for path, form in (
        (TEXT, text_form(world, MAYA, OURS, "Still there?")),
        (f"/hooks/twilio/receipt/{uuid4()}", receipt),
    ):
        began = time.monotonic()
        assert post(world, path, form) == 200
        # 0.8 s, and what the others on two cores take from it; the database's answer would have taken five.
        assert time.monotonic() - began < 4
    way.open()
    until(lambda: events() == 4, what="what came while it hung")

    # Whoever wrote the journal has died: any other process of the machine brings it in.
    way.cut()
    assert post(world, TEXT, text_form(world, MAYA, OURS, "Bye")) == 200
    world.kill("web")
    until(lambda: Message.objects.filter(body="Bye").exists(), what="what a dead process left")


def connected(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
            [name],
        )
        return cursor.fetchone() is not None


def page(world: World) -> int:
    """What somebody with a session gets."""
    request = urllib.request.Request(f"{world.url}/clients", headers={"Cookie": f"sessionid={'a' * 32}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_without_a_disk_either_the_carrier_is_asked_to_try_again(cut_off: World, way: Way) -> None:
    assert page(cut_off) == 503
    (cut_off.folder / "journal").write_text("in the way of the folder")
    form = text_form(cut_off, MAYA, OURS, "Hello")
    assert post(cut_off, TEXT, form) == 503
    way.open()
    until(lambda: post(cut_off, TEXT, form) == 200, what="the database")
    assert events() == 1
    assert page(cut_off) == 200  # the page to sign in


@pytest.mark.django_db(transaction=True)
def test_an_opt_out_in_a_journal_is_obeyed_as_it_is_brought_in(settings: Any, folder: Path) -> None:
    settings.JOURNAL = folder
    house = make_house()
    maya = house.client()
    send(house.owner, maya, channel="sms", body="See you at nine")
    key = sid()
    form = urlencode({"MessageSid": key, "AccountSid": "AC1", "From": MAYA, "To": OURS, "Body": "STOP"})
    # Before it there was something else; opt-outs come first.
    for kind, event_key in ((intake.EVENTS, sid()), (intake.OPT_OUTS, key)):
        left_behind = Journal(folder, kind, settings.SECRET_KEY)
        left_behind.append(
            [intake._packed(NewEvent("twilio", "text", event_key, None, 0, form), datetime.now(UTC))] * 2
        )
        left_behind.close()
    assert intake.opt_outs_wait()

    # Nothing reads events here: what follows is the journal's own doing.
    async def work() -> None:
        delivery = Delivery({"twilio": TWILIO}, Patience(1.0))
        assert await delivery._claim(10, ["twilio"]) == []
        await intake.Drain({"twilio": TWILIO})._once()
        assert await delivery._claim(10, ["twilio"]) == []
        await delivery._line.close()

    asyncio.run(work())
    maya.refresh_from_db()
    assert maya.texting == "stopped"
    assert [event.key == key for event in CarrierEvent.objects.order_by("id")] == [True, False]
    assert not intake.opt_outs_wait()


async def test_what_spoils_a_batch_takes_no_other_with_it(line: Line) -> None:
    def event(key: str, form: str = "Body=Hello") -> NewEvent:
        return NewEvent("twilio", "text", key, None, 0, form)

    def said(recipient: str) -> Said | None:
        text = Received("SM1", MAYA, recipient, "STOP")
        return revoking.said_by(TWILIO, text, datetime.now(UTC))

    now = datetime.now(UTC)

    async def keep(db: Db) -> list[list[bool | None]]:
        return [
            await intake._bring(db, [(event("1"), None, now), (event("2", "\0"), None, now)], intake._insert),
            # It cannot be obeyed, but it is kept for a person.
            await intake._bring(
                db, [(event("3"), said(OURS), None), (event("4"), said("\0"), None)], intake._obey
            ),
        ]

    assert await line.run(keep) == [[True, None], [True, False]]
    assert await sync_to_async(lambda: set(CarrierEvent.objects.values_list("key", flat=True)))() == {
        "1",
        "3",
        "4",
    }


@pytest.mark.django_db
def test_what_was_set_aside_is_read_again_when_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"carrier": "twilio", "kind": "text", "shard": 0, "form": "", "received_at": "2026-11-26T00:00Z"}
    for key, trouble in (("1", ""), ("2", "it holds no text"), ("3", "KeyError")):
        CarrierEvent.objects.create(key=key, trouble=trouble, **row)
    CarrierEvent.objects.create(
        key="4", trouble="it names nobody we know", done_at="2026-11-26T00:00Z", **row
    )
    call_command("replay_events", "--list")
    assert "1 text: KeyError" in capsys.readouterr().out
    call_command("replay_events", str(CarrierEvent.objects.get(key="3").id))
    assert CarrierEvent.objects.get(key="2").trouble
    call_command("replay_events")
    assert "1 will be read again" in capsys.readouterr().out
    assert set(CarrierEvent.objects.exclude(trouble="").values_list("key", flat=True)) == {"4"}
