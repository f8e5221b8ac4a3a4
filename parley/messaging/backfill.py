"""Texts that no webhook brought, found in the carrier's own log (reliability: a carrier gives a webhook up in seconds).

For each of our numbers the log is read from ten minutes before it was read last: at boot, after Parley or its database
was away, and every 15 minutes. A text that is not here is kept as its webhook would have been, under the same
permanent key, so that a webhook that comes after all is a duplicate; an opt-out among them is obeyed in the same
transaction. From there `receiving` reads it as any other, and the thread says that it arrived late.

One worker at a time reads a number's log: it claims the number's row, and a worker that dies gives it back after a
while. What has been read is moved on only together with what was found, and only when the whole list came.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from parley.carriers.base import Carrier, Listed, Unavailable
from parley.carriers.form import pairs
from parley.live.nudges import CAME_IN, TEXTS_CHANNEL
from parley.messaging import outcomes, quarantine, revoking
from parley.messaging.events import shard_of
from parley.messaging.line import Db, Line
from parley.messaging.outcomes import Changes
from parley.messaging.patience import Patience
from parley.pulse.beats import AWAY, Heart, newest

log = logging.getLogger(__name__)

# So many numbers at once, and so long (seconds) until the next: a thousand numbers at boot take a minute.
AT_ONCE = 5
PAUSE = 0.25
# How far back the next reading goes beyond the last: longer than a carrier's list lags behind.
OVERLAP = timedelta(minutes=10)
# A carrier's clock that is further off than this is not believed.
PLAUSIBLE = timedelta(minutes=10)
# How much is kept in one transaction: opt-outs among them wait for what is under way to these clients.
KEPT_AT_ONCE = 50

NEW_NUMBERS = """
    INSERT INTO messaging_watermark (number_id, listed_to, next_at, cause)
    SELECT n.id, least(greatest(n.created_at, clock_timestamp() - interval '1 day'), s.since), clock_timestamp(), 'boot'
    FROM numbers_phonenumber n LEFT JOIN messaging_standing s ON true
    WHERE n.released_at IS NULL AND NOT EXISTS (SELECT 1 FROM messaging_watermark w WHERE w.number_id = n.id)
    ON CONFLICT DO NOTHING
"""
TAKE = """
    WITH due AS (
        SELECT w.number_id, w.cause FROM messaging_watermark w JOIN numbers_phonenumber n ON n.id = w.number_id
        WHERE w.next_at <= clock_timestamp() AND n.released_at IS NULL AND n.carrier = ANY(%(carriers)s)
        ORDER BY w.next_at LIMIT %(most)s FOR UPDATE OF w SKIP LOCKED
    )
    UPDATE messaging_watermark w SET next_at = clock_timestamp() + %(hold)s * interval '1 second'
    FROM due, numbers_phonenumber n LEFT JOIN messaging_standing s ON s.quarantined_at IS NOT NULL
    WHERE w.number_id = due.number_id AND n.id = w.number_id
    RETURNING w.number_id, w.listed_to, w.cause, n.number, n.carrier, n.business_id, s.quarantined_at, s.since,
              clock_timestamp() AS asked_at
"""
EVERYTHING_DUE = """
    UPDATE messaging_watermark SET next_at = clock_timestamp(), cause = %(cause)s
    WHERE listed_to < clock_timestamp() - %(fresh)s * interval '1 second'
"""

KNOWN = "SELECT key FROM messaging_carrierevent WHERE carrier = %s AND key = ANY(%s)"
KEEP = f"""
    WITH kept AS (
        INSERT INTO messaging_carrierevent (carrier, kind, key, shard, form, received_at, late, trouble)
        SELECT %(carrier)s, 'text', *, true, ''
        FROM unnest(%(keys)s::text[], %(shards)s::smallint[], %(forms)s::text[], %(at)s::timestamptz[])
        ON CONFLICT (carrier, key) DO NOTHING
        RETURNING 1
    )
    SELECT count(*) AS kept, pg_notify('{TEXTS_CHANNEL}', '{CAME_IN}') FROM kept
"""  # noqa: S608  the channel's name is a constant of ours

WORKED = """
    UPDATE messaging_watermark
    SET listed_to = greatest(listed_to, %(asked_at)s), settled_to = %(settled_to)s, cause = 'clock',
        next_at = clock_timestamp() + %(wait)s * interval '1 second'
    WHERE number_id = %(number)s
"""
FAILED = """
    UPDATE messaging_watermark SET next_at = clock_timestamp() + %(wait)s * interval '1 second'
    WHERE number_id = %(number)s
"""
TROUBLE = "UPDATE messaging_standing SET trouble = %s WHERE quarantined_at IS NOT NULL AND trouble <> %s"
COUNT = """
    INSERT INTO messaging_backfill AS b (hour, cause, asked, failed, found)
    VALUES (date_trunc('hour', clock_timestamp()), %(cause)s, 1, %(failed)s, %(found)s)
    ON CONFLICT (hour, cause) DO UPDATE
        SET asked = b.asked + 1, failed = b.failed + excluded.failed, found = b.found + excluded.found
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """A text of the carrier's log that is not here: as its webhook, and when it came."""

    listed: Listed
    form: str
    at: datetime


class Backfill:
    """The loop of one worker."""

    def __init__(self, carriers: Mapping[str, Carrier], patience: Patience) -> None:
        self.carriers = carriers
        self.patience = patience
        self.stopping = asyncio.Event()
        self.gaps = Gaps()
        self._heart = Heart("backfill")

    async def run(self) -> None:
        line = Line("backfill")
        cause = "boot"
        try:
            while not self.stopping.is_set():
                asked = time.monotonic()
                due = await line.run(lambda db, cause=cause: self.due(db, cause))  # type: ignore[misc]
                # It is lost for so long only if the database was away.
                cause = "gap" if time.monotonic() - asked > AWAY else ""
                await self.read(line, due)
                try:
                    await asyncio.wait_for(self.stopping.wait(), PAUSE if due or cause else 1.0)
                except TimeoutError:
                    pass
        finally:
            await line.close()

    def stop(self) -> None:
        self.stopping.set()

    async def read(self, line: Line, due: Sequence[Any]) -> None:
        """Ask for the logs of these numbers, all at once, and keep what they say."""
        answers = await asyncio.gather(*(self._ask(number) for number in due))
        for number, answer in zip(due, answers, strict=True):
            await self._keep(line, number, answer)

    async def due(self, db: Db, cause: str) -> list[Any]:
        """The numbers to ask for now; all of them, if there is a `cause`."""
        if self._heart.due:
            await self._heart.leave(db)
            await db.execute(NEW_NUMBERS)
            if await self.gaps.ended(db):
                cause = "gap"
        if cause:
            # Several workers that start together ask once.
            await db.execute(EVERYTHING_DUE, {"cause": cause, "fresh": AWAY * self.patience.scale})
        hold = max(self.patience.listing, 10.0)
        given = {"carriers": list(self.carriers), "most": AT_ONCE, "hold": hold}
        return await (await db.execute(TAKE, given)).fetchall()

    async def _ask(self, number: Any) -> tuple[Sequence[Listed], Sequence[Listed]] | None:
        """What came to this number, and in quarantine what left from it; None if the carrier does not say."""
        carrier = self.carriers[number.carrier]
        since = min(number.listed_to, number.since or number.listed_to) - OVERLAP
        try:
            came = await carrier.list_since(number.number, since)
            left: Sequence[Listed] = []
            if number.since is not None:
                left = await carrier.list_sent(number.number, number.since - quarantine.MARGIN)
        except Unavailable as error:
            log.warning("a carrier's log could not be read: %s", error.code or type(error).__name__)
            return None
        return came, left

    async def _keep(
        self, line: Line, number: Any, answer: tuple[Sequence[Listed], Sequence[Listed]] | None
    ) -> None:
        found = None
        if answer is not None:
            try:
                found = await find(line, self.carriers[number.carrier], number, answer[0], self.patience)
                if number.since is not None:
                    nobodys = await quarantine.settle(line, number, answer[1], self.patience)
                    if nobodys:
                        log.warning("%d texts from a shared number are nobody's any more", nobodys)
            except Unavailable as error:
                log.warning("what came with a text is not told: %s", error.code or type(error).__name__)
                found = None
            except psycopg.Error as error:
                log.error("what a carrier's log says could not be kept: %s", type(error).__name__)
                found = None
        await line.run(lambda db: self._note(db, number, found))
        if found:
            # Without an outage every text comes by its webhook: somebody should look why not.
            say = log.warning if number.cause == "clock" else log.info
            say("%d texts came by no webhook and were found in the carrier's log (%s)", found, number.cause)

    async def _note(self, db: Db, number: Any, found: int | None) -> None:
        counted = {"cause": number.cause, "failed": int(found is None), "found": found or 0}
        await db.execute(COUNT, counted)
        trouble = "" if found is not None else "The log of a number could not be read. It is asked for again."
        await db.execute(TROUBLE, [trouble, trouble])
        if found is None:
            wait = self.patience.unanswered * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
            await db.execute(FAILED, {"number": number.number_id, "wait": wait})
            return
        wait = self.patience.listing_again * random.uniform(0.9, 1.1)  # noqa: S311  jitter, not a secret
        if number.quarantined_at is not None:
            proof = (number.quarantined_at - number.asked_at).total_seconds() + self.patience.proofs[1]
            wait = proof + 0.1 if proof > 0 else wait
        given = {
            "number": number.number_id,
            "asked_at": number.asked_at,
            "settled_to": number.asked_at if number.since is not None else None,
            "wait": wait,
        }
        await db.execute(WORKED, given)


class Gaps:
    """Was nobody there to take webhooks for a while?"""

    def __init__(self) -> None:
        self._away = False

    async def ended(self, db: Db) -> bool:
        """True once when `parley web` is back after it had been away."""
        last = await newest(db, "web")
        if last is None:
            return False
        row = await (await db.execute("SELECT clock_timestamp() AS now")).fetchone()
        assert row is not None
        was_away, self._away = self._away, (row.now - last).total_seconds() > AWAY
        return was_away and not self._away


async def find(
    line: Line, carrier: Carrier, number: Any, listed: Sequence[Listed], patience: Patience
) -> int:
    """Keep those texts of a carrier's log that are not here; opt-outs are obeyed. Returns how many there were.

    Raises Unavailable if the carrier does not say what came along with one.
    """
    known = await line.run(lambda db: _known(db, carrier, listed))
    found = []
    for row in listed:
        if row.carrier_id not in known:
            found.append(_Found(row, await carrier.as_webhook(row), _plausible(row, number)))
    kept = 0
    for start in range(0, len(found), KEPT_AT_ONCE):
        some = found[start : start + KEPT_AT_ONCE]
        # Where a text to somebody who opts out is under way, the line tries again until it is not.
        kept += await line.run(lambda db, some=some: _write(db, carrier, some, patience))  # type: ignore[misc]
    return kept


def _plausible(row: Listed, number: Any) -> datetime:
    """When the carrier says that it came; when we asked, if that cannot be."""
    asked_at: datetime = number.asked_at
    earliest = min(number.listed_to, number.since or number.listed_to) - OVERLAP
    if earliest - PLAUSIBLE <= row.created_at <= asked_at + PLAUSIBLE:
        return min(row.created_at, asked_at)
    return asked_at


async def _known(db: Db, carrier: Carrier, listed: Sequence[Listed]) -> set[str]:
    rows = await db.execute(KNOWN, [carrier.name, [row.carrier_id for row in listed]])
    return {row.key for row in await rows.fetchall()}


async def _write(db: Db, carrier: Carrier, found: Sequence[_Found], patience: Patience) -> int:
    given = {
        "carrier": carrier.name,
        "keys": [one.listed.carrier_id for one in found],
        "shards": [shard_of(one.listed.sender, one.listed.recipient) for one in found],
        "forms": [one.form for one in found],
        "at": [one.at for one in found],
    }
    row = await (await db.execute(KEEP, given)).fetchone()
    texts = [(carrier.read_text(pairs(one.form)), one.at) for one in found]
    said = [revoking.said_by(carrier, text, at) for text, at in texts if text is not None]
    changes = Changes()
    await revoking.obey(db, [one for one in said if one is not None], changes, wait=patience.under_way)
    await outcomes.tell(db, changes)
    return int(row.kept) if row else 0
