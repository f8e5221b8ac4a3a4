"""A campaign while everything dies: is anybody texted twice, left out, or texted without consent or after their STOP?

    python faults/campaign.py [--texts 20000] [--stops 300] [--by-page 100] [--pauses 20] [--workers 2] [--seed 1]

Real `parley web` and sandbox on a database of their own. Of `texts` clients one in nine may not be texted, each for
another reason. Every 0.4 to 1.5 s a `parley jobs` gets SIGKILL, and a `parley texts` too, and others take their places;
the carrier's answers are bad and its receipts lost, doubled and late; `stops` clients text STOP (signed webhooks, so
that no network obeys for Parley), `by-page` opt out of offers by way of a member; and a member pauses the campaign and
lets it go on. Whatever the brake stops goes on, too. Judged by the sandbox's truth log when all is still.

`lost`      who should have got it and did not, shown as failed or not
`let_in`    texts to whoever had not agreed, or that began after the STOP had its 200 or the card was saved
`misshown`  recipients whose state is not what became of their text; counts that are not those of the recipients; texts
            paid for that were not taken, or the other way round

`under_way` are texts whose request had begun before the STOP had its 200, and that the carrier took just after it: of a
worker that died meanwhile, or of one that a busy carrier had not answered yet. One JSON line; exit code 1 unless all
counts are 0. What stood behind each text that was let in or misshown is said on stderr.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import marketing  # noqa: E402
from bench.ground import a_house, ground  # noqa: E402
from faults.judge import (  # noqa: E402
    asked,
    attempts_began,
    began_before,
    tell,
    tell_late,
    unsettled,
    until_none,
)
from faults.nursery import Nursery  # noqa: E402
from faults.worker_kills import BAD_WEATHER, Reaper  # noqa: E402

# As that of worker_kills, but nothing is taken long after it was handed over: an opt-out in between would be judged by
# when the carrier took it.
WEATHER = BAD_WEATHER | {"slow": 0.0}
# So many opt out at the same time: with a thread for each, whoever looks at the clock would wait for its turn.
AT_ONCE = 32
# From one death to the next of the same kind (seconds).
BETWEEN = (0.4, 1.5)


@dataclass
class OptOuts:
    """Whoever opts out, at random moments of the campaign; `obeyed`: from when on (time.time) nothing may begin."""

    world: Any
    house: Any
    campaign: Any
    seed: int
    obeyed: dict[str, float] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)

    def race(
        self, by_text: Sequence[str], by_page: Sequence[str], fit: int
    ) -> deque[tuple[int, Callable[[], None]]]:
        """When so many of the `fit` have a text, one after the other does this."""
        dice = random.Random(self.seed)
        acts = [(phone, self._by_text) for phone in by_text] + [(phone, self._by_page) for phone in by_page]
        due = sorted(dice.randrange(fit) for _ in acts)
        dice.shuffle(acts)
        return deque(
            (when, partial(self._act, act, phone)) for when, (phone, act) in zip(due, acts, strict=True)
        )

    def _act(self, act: Callable[[str], None], phone: str) -> None:
        from django.db import connections

        try:
            act(phone)
        finally:
            connections.close_all()

    def _by_text(self, phone: str) -> None:
        from parley.messaging.models import Route
        from parley.numbers.models import PhoneNumber
        from tests.messaging.signed import post, text_form
        from tests.waiting import until

        route = Route.objects.select_related("number").filter(phone=phone).first()
        number = route.number if route else PhoneNumber.objects.filter(duty="marketing").first()
        assert number
        form = text_form(self.world, phone, number.number, "STOP")

        def told() -> bool:
            """Told again, as a carrier does it, while a text to them is under way for too long."""
            status = post(self.world, "/hooks/twilio/text", form)
            if status == 200:
                self.obeyed[phone] = time.time()
            self.answers[status] += 1
            return status == 200

        until(told, 60, what="a 200")

    def _by_page(self, phone: str) -> None:
        from parley.clients.models import Consent
        from parley.messaging import revoking

        revoking.record(
            self.house.business,
            phone,
            category=Consent.Category.MARKETING,
            says=Consent.Says.REFUSED,
            how=Consent.How.IN_PERSON,
            member=self.house.owner,
        )
        self.obeyed[phone] = time.time()
        self.answers[200] += 1


def storm(
    world: Any,
    house: Any,
    *,
    texts: int,
    stops: int,
    by_page: int,
    pauses: int,
    seed: int,
    workers: int = 2,
    canary: bool = True,
    pace: float = 0,
    between: tuple[float, float] = BETWEEN,
) -> dict[str, Any]:
    """Send a campaign to so many clients while workers die, clients opt out and a member pauses it; judge the end.

    `pace` (segments a second; 0: none) is that of each of two marketing numbers; `between` (seconds), of deaths.
    """
    from parley.campaigns import control
    from parley.campaigns.models import Campaign, Change
    from parley.quota.ledger import balance
    from tests.waiting import until

    dice = random.Random(seed)
    for number in marketing.numbers(pace, pace):
        world.add_number(number.number, sms_url="")
    marketing.fill(house, texts, zone=marketing.noon())
    phones = dict(house.business.clients.values_list("last_name", "phone"))
    may = [phones[f"No. {n}"] for n in range(1, texts + 1) if not marketing.why(n)]
    campaign = marketing.a_campaign(
        house,
        "Hi {{client.first_name}}, color week: https://juniper.example/color",
        wording_b="A chair for you.",
        share_b=30,
        rest_days=marketing.RESTED,
        canary=canary,
    )
    before = balance(house.business).left
    opting = dice.sample(may, stops + by_page)
    outs = OptOuts(world, house, campaign, seed)
    seen: Counter[str] = Counter()

    acts = outs.race(opting[:stops], opting[stops:], len(may))
    acting: list[Future[None]] = []

    def act(written: int) -> None:
        while acts and acts[0][0] <= written:
            acting.append(pool.submit(acts.popleft()[1]))

    def now() -> Any:
        campaign.refresh_from_db()
        act(campaign.queued)
        if campaign.status == Campaign.Status.PAUSED:
            seen["braked"] += campaign.braked
            with contextlib.suppress(control.CannotChange):
                control.resume(campaign)
        return campaign.status

    pausing = sorted(dice.randrange(max(1, len(may) - stops)) for _ in range(pauses))

    def going() -> bool:
        """Look on, and pause it now and then. False once it is over."""
        if now() == Campaign.Status.SENDING and pausing and campaign.queued >= pausing[0]:
            pausing.pop(0)
            with contextlib.suppress(control.CannotChange):
                control.pause(campaign)
                seen["paused"] += 1
                time.sleep(dice.uniform(0, 0.3))
        assert campaign.status != Campaign.Status.STOPPED, campaign.reason
        return campaign.status != Campaign.Status.SENT

    control.schedule(campaign, house.owner)
    with (
        Nursery(world, "jobs") as clocks,
        Nursery(world) as roads,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        reapers = [Reaper(clocks, workers, seed, between), Reaper(roads, workers, seed + 1, between)]
        for reaper in reapers:
            reaper.start()
        try:
            until(lambda: not going() or _nobody_waits(campaign), 120 + texts / 5, what="the writing")
        finally:
            for reaper in reapers:
                reaper.enough()
        act(len(may))
        for done in acting:
            done.result()
        until(lambda: not going(), 300 + texts / 5, what="the end")
        until_none(lambda: unsettled(house.business) + Change.objects.count(), what="a final state")
    return judge(world, house, campaign, before, outs.obeyed) | {
        "kills": sum(reaper.kills for reaper in reapers),
        "stops": stops,
        "by_page": by_page,
        "answers": dict(outs.answers),
        "paused": seen["paused"],
        "braked": seen["braked"],
    }


def _nobody_waits(campaign: Any) -> bool:
    """Is everybody's text written, and none in the queue?"""
    from parley.campaigns.models import Recipient
    from parley.messaging.models import Outbox

    waiting = Recipient.objects.filter(campaign=campaign, state="waiting")
    return campaign.status == "sending" and not waiting.exists() and not Outbox.objects.exists()


def judge(
    world: Any,
    house: Any,
    campaign: Any,
    before: int,
    obeyed: Mapping[str, float],
) -> dict[str, Any]:
    """The truth log against the recipients, the counts and the balance."""
    from parley.campaigns.models import Count, Recipient
    from parley.messaging.models import Message
    from parley.quota.ledger import balance

    truth = [row for row in world.truth(direction="outbound-api") if row["to"] != ""]
    taken: dict[str, list[Any]] = {}
    for row in truth:
        taken.setdefault(row["to"], []).append(row)
    expected = {
        phone: (int(name.removeprefix("No. ")), marketing.why(int(name.removeprefix("No. "))))
        for name, phone in house.business.clients.exclude(phone="").values_list("last_name", "phone")
    }
    recipients = list(Recipient.objects.filter(campaign=campaign))
    states = dict(Message.objects.filter(business=house.business).values_list("pk", "state"))
    began = attempts_began()

    def after(row: Any) -> bool:
        return row["to"] in obeyed and row["accepted_at"] > obeyed[row["to"]]

    def was_under_way(row: Any) -> bool:
        return began_before(row, began.get(row["sid"]), obeyed[row["to"]])

    late = [row for row in truth if after(row)]
    under_way = sum(was_under_way(row) for row in late)
    for row in late:
        if not was_under_way(row):
            tell_late(row, began.get(row["sid"]), obeyed[row["to"]])
    lost = misshown = 0

    def wrong(what: str, *seen: object) -> int:
        print("misshown:", what, *seen, file=sys.stderr)
        return 1

    for one in recipients:
        _, why = expected.get(one.phone, (0, "no_number"))
        rows = taken.get(one.phone, [])
        if why:
            if (one.state, one.code) != ("skipped", why):
                misshown += wrong("who may not be texted", one.state, one.code, why)
            continue
        if rows:
            became = {"delivered": "delivered", "undelivered": "failed", "failed": "failed"}.get(
                rows[-1]["status"]
            )
            if one.state != became:
                misshown += wrong("what was taken", one.state, one.code, rows[-1]["status"])
        elif one.phone in obeyed and one.state == "skipped":
            if one.code != "opted_out":
                misshown += wrong("who opted out", one.code)
        elif one.phone not in obeyed:
            lost += 1
        of_text = states.get(one.message_id)
        if one.state != "failed" and bool(rows) != (of_text in ("delivered", "undelivered", "failed")):
            misshown += wrong("a text", of_text, len(rows))
    counted = Counter(
        {
            (count.variant, count.what, count.code): count.number
            for count in Count.objects.filter(campaign=campaign)
            if count.number
        }
    )
    really = Counter((one.variant, one.state, one.code) for one in recipients)
    for what in ("replied", "talked", "opted_out", "clicked"):
        really.update((one.variant, what, "") for one in recipients if getattr(one, f"{what}_at"))
    campaign.refresh_from_db()
    written = sum(one.queued_at is not None for one in recipients)
    cost = sum(one.segments for one in recipients if one.phone in taken)
    pairs = {key: (counted[key], really[key]) for key in counted | really} | {
        ("queued",): (campaign.queued, written),
        ("texts paid",): (before - balance(house.business).left, cost),
    }
    for key, (said, is_so) in pairs.items():
        if said != is_so:
            misshown += abs(said - is_so) * wrong("a count", *key, said, "for", is_so)
    return {
        "tried": len(recipients),
        "fit": campaign.fit,
        "taken": len(truth),
        "lost": lost + abs(len(recipients) - house.business.clients.count()),
        "duplicated": sum(len(rows) - 1 for rows in taken.values()),
        "let_in": sum(bool(expected.get(row["to"], (0, "stranger"))[1]) for row in truth)
        + len(late)
        - under_way,
        "misshown": misshown,
        "under_way": under_way,
        "canceled": sum(one.code == "opted_out" and one.phone in obeyed for one in recipients),
    }


def main() -> None:
    wish = asked(__doc__, texts=20_000, stops=300, by_page=100, pauses=20, workers=2)
    with ground(durable=False) as folder:
        from tests.world import a_world

        with a_world(folder, "sandbox", "web") as world:
            house = a_house(10 * wish.texts)
            world.weather(seed=wish.seed, **WEATHER)
            began = time.monotonic()
            seen = storm(
                world,
                house,
                texts=wish.texts,
                stops=wish.stops,
                by_page=wish.by_page,
                pauses=wish.pauses,
                seed=wish.seed,
                workers=wish.workers,
            )
    tell("campaign", seen, began, seed=wish.seed)


if __name__ == "__main__":
    main()
