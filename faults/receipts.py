"""What carriers say of a text, in any order and as often as they like: does its state ever fall, or end untrue?

    python faults/receipts.py [--sequences 10000] [--seed 1]

Hypothesis makes the sequences: the road of each text’s receipts, some dropped, doubled, shuffled, before the answer
to our call or without any answer, by webhook (naming our attempt) or by the carrier’s log (which does not), for one
attempt or for two of which the first was given up too early, with receipts of strangers between. Straight against
`outcomes.climb` and `record`, on one connection; each sequence is rolled back. `misshown` counts sequences after which
a state had fallen, or was not the highest that was said of the text. One JSON line; exit code 1 unless it is 0.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import a_house, ground  # noqa: E402
from faults.judge import asked, tell  # noqa: E402

# What carriers say of one text, in the order in which it happens.
ROADS: Sequence[Sequence[str]] = (
    ("queued", "sending", "sent", "delivered"),
    ("accepted", "queued", "sending", "sent", "delivered", "read"),
    ("queued", "sent", "undelivered"),
    ("queued", "failed"),
    ("sent",),
    ("undelivered", "delivered"),
)


@dataclass(frozen=True)
class Word:
    """One thing the carrier says: in answer to our call, by webhook, in its log; or of somebody we do not know."""

    of: Literal["first", "second", "stranger"]
    status: str
    by: Literal["answer", "webhook", "log"]


def _heard(of: Literal["first", "second"]) -> st.SearchStrategy[list[Word]]:
    """What is heard of one attempt: a road with its losses and doublings, and an answer or none."""

    def mix(road: Sequence[str], times: list[int], by: list[Any], answered: bool) -> list[Word]:
        words = [Word(of, status, by[n]) for n, status in enumerate(road) for _ in range(times[n])]
        return [*words, Word(of, "accepted", "answer")] if answered else words

    return st.builds(
        mix,
        st.sampled_from(ROADS),
        st.lists(st.sampled_from([0, 1, 1, 1, 2, 3]), min_size=6, max_size=6),
        st.lists(st.sampled_from(["webhook", "webhook", "log"]), min_size=6, max_size=6),
        st.booleans(),
    )


@st.composite
def sequences(draw: st.DrawFn) -> list[list[Word]]:
    """Batches of words in any order, as one webhook's commit or another takes them in."""
    said = draw(_heard("first"))
    if draw(st.booleans()):
        said += draw(_heard("second"))
    said += draw(st.lists(st.just(Word("stranger", "delivered", "webhook")), max_size=2))
    said = draw(st.permutations(said))
    batches: list[list[Word]] = []
    while said:
        size = draw(st.integers(1, 4))
        batches.append(said[:size])
        said = said[size:]
    return batches


class Held:
    """A `Line` whose transactions are savepoints of one that is rolled back."""

    def __init__(self, db: Any) -> None:
        self._db = db

    async def run(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        async with self._db.transaction():
            return await work(self._db)


async def hear(db: Any, first: UUID, second: UUID, batches: Sequence[Sequence[Word]]) -> str:
    """Apply one sequence to the message of these attempts. Returns what is wrong with what it came to; "" if nothing.

    The second attempt follows the first, if anything is said of it: then the first was given up, and only that it
    arrived after all counts any more. A log's word counts only for an id that we know by then.
    """
    from parley.messaging import outcomes
    from parley.messaging.outcomes import ARRIVED, FINAL, RANK, STATE_OF, Changes, Fact, Outcome
    from parley.messaging.patience import Patience

    held, patience = Held(db), Patience()
    ids = {"first": first, "second": second}
    sids = {of: f"SM{attempt.hex}" for of, attempt in ids.items()}
    sids["stranger"] = "SM" + "0" * 32
    followed = any(word.of == "second" for batch in batches for word in batch)
    if followed:
        await db.execute(
            "UPDATE messaging_attempt SET state = 'absent', check_at = NULL WHERE id = %s", [first]
        )
    else:
        await db.execute("DELETE FROM messaging_attempt WHERE id = %s", [second])
    known: set[str] = set()
    highest = RANK["sending"]
    seen = highest
    for batch in batches:
        facts = [
            Fact(sids[word.of], word.status, ids.get(word.of) if word.by == "webhook" else None)  # type: ignore[arg-type]
            for word in batch
            if word.by != "answer"
        ]
        answers = [Outcome(ids[word.of], "bound", sids[word.of]) for word in batch if word.by == "answer"]
        known |= {word.of for word in batch if word.by in ("answer", "webhook")}
        if answers:
            await outcomes.record(held, answers, patience)  # type: ignore[arg-type]
        strangers = await held.run(lambda db, facts=facts: outcomes.climb(db, facts, Changes(), patience))
        for word in batch:
            rank = RANK[STATE_OF[word.status]]  # type: ignore[index]
            if (
                word.of in ids
                and word.of in known
                and (word.of == "second" or not followed or rank >= ARRIVED)
            ):
                highest = max(highest, rank)
        if strangers != {sids[word.of] for word in batch if word.by != "answer" and word.of not in known} | {
            sids["stranger"] for word in batch if word.of == "stranger"
        }:
            return "somebody unknown was known, or the other way round"
        [row] = await (await db.execute("SELECT state FROM messaging_message")).fetchall()
        if RANK[row.state] < seen:
            return f"fell to {row.state}"
        seen = RANK[row.state]
        if seen != highest:
            return f"{row.state} is not the highest that was said"
    if not followed:
        [row] = await (await db.execute("SELECT check_at FROM messaging_attempt")).fetchall()
        if (row.check_at is None) != (highest >= FINAL):
            return "its receipt is asked for no more, or still"
    return ""


def trial(house: Any, count: int, dice: int) -> dict[str, Any]:
    """Hear `count` sequences; `wrong` says what was wrong with one that hypothesis found the shortest of its kind."""
    import psycopg
    from psycopg.rows import namedtuple_row

    from parley.live.dsn import conninfo
    from parley.messaging.delivery import claim
    from parley.messaging.sending import send

    loop = asyncio.new_event_loop()
    send(house.owner, house.client(), channel="sms", body="Hi")
    tried = 0

    async def begin() -> tuple[Any, UUID, UUID]:
        db = await psycopg.AsyncConnection.connect(
            conninfo("receipts"), autocommit=True, row_factory=namedtuple_row
        )
        async with db.transaction():
            [text] = await claim(db, room=1, carriers=["twilio"], lease=60)
            # Another attempt at the same text, which the index of rule R3 would not let us open yet.
            [second] = await (
                await db.execute(
                    """
                    INSERT INTO messaging_attempt (id, business_id, message_id, number_id, recipient, try_number,
                        state, started_at, code, check_at, checks, apart)
                    SELECT gen_random_uuid(), business_id, message_id, number_id, recipient, 2, 'sending',
                        clock_timestamp(), '', check_at, 0, 'second' FROM messaging_attempt RETURNING id
                    """
                )
            ).fetchall()
        return db, text.attempt_id, second.id

    db, first, second = loop.run_until_complete(begin())

    @seed(dice)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=False,
    )
    @given(sequences())
    def any_sequence(batches: list[list[Word]]) -> None:
        nonlocal tried
        tried += 1

        async def once() -> str:
            async with db.transaction(force_rollback=True):
                return await hear(db, first, second, batches)

        wrong = loop.run_until_complete(once())
        assert not wrong, wrong

    wrong = ""
    try:
        any_sequence()
    except AssertionError as error:
        wrong = "\n".join([str(error), *getattr(error, "__notes__", [])])
    finally:
        loop.run_until_complete(db.close())
        loop.close()
    return {"tried": tried, "misshown": int(bool(wrong)), "wrong": wrong}


def main() -> None:
    wish = asked(__doc__, sequences=10_000)
    with ground(durable=False):
        house = a_house(10)
        began = time.monotonic()
        seen = trial(house, wish.sequences, wish.seed)
    tell("receipts", seen, began, seed=wish.seed)


if __name__ == "__main__":
    main()
