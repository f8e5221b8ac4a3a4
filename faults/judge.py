"""The verdict of a fault run: the carrier's truth log against the database, and against what the screen says.

`lost`        texts of ours that the carrier never took and that are not shown as failed
`duplicated`  texts that the carrier took more than once
`let_in`      what should have been kept out: a text nobody wrote, a forged webhook, a text after an opt-out
`misshown`    texts whose state in the database, or whose look in the thread, is not what became of them
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

COUNTS = ("lost", "duplicated", "let_in", "misshown")
# For so long (seconds) nothing may happen at all.
STILL = 300.0
# What was handed over is taken so soon (seconds): long before its absence could be proved. The carrier has neither a
# core of its own here nor the time that it has in life.
HANDED_OVER = 6.0
# What becomes of a text, and how the thread shows it (`data-state`).
LOOK = {"delivered": "delivered", "undelivered": "failed", "failed": "failed", "canceled": "sent"}
_SHOWN = re.compile(r'<li class="message" id="m-([0-9a-f-]{36})"[^>]*? data-state="(\w*)"')


def judge(world: Any, house: Any, *, pages: int = 100) -> dict[str, int]:
    """Judge all that this business wrote, once everything has settled; every body must be another.

    A text that the carrier never took must be shown as failed. `pages` threads are read as a member sees them.
    """
    from parley.messaging.models import Message

    ours = Message.objects.filter(business=house.business, direction="out", channel="sms")
    shown = dict(ours.values_list("body", "state"))
    assert len(shown) == ours.count(), "two texts with the same words cannot be told apart"
    truth = world.truth(direction="outbound-api", **{"from": quote(house.number.number)})
    taken = Counter(row["body"] for row in truth)
    became = {row["body"]: row["status"] for row in truth}
    return {
        "tried": len(shown),
        "lost": sum(body not in taken and state != "failed" for body, state in shown.items()),
        "duplicated": sum(count - 1 for count in taken.values()),
        "let_in": len(set(taken) - set(shown)),
        "misshown": sum(became.get(body, "failed") != state for body, state in shown.items())
        + misshown_on_screen(house, became, pages),
    }


def misshown_on_screen(house: Any, became: Mapping[str, str], pages: int) -> int:
    """How many texts of the first `pages` threads that hold some look otherwise than what became of them."""
    from django.conf import settings
    from django.test import Client, override_settings

    from parley.messaging.models import Message

    browser = Client()
    browser.force_login(house.owner.user, backend=settings.AUTHENTICATION_BACKENDS[0])
    wrong = read = 0
    with override_settings(ALLOWED_HOSTS=["*"]):
        # A thread that a client began may hold nothing of ours.
        ours = Message.objects.filter(business=house.business, direction="out")
        threads = house.business.conversations.filter(pk__in=ours.values("conversation"))
        for thread in threads.order_by("id")[:pages]:
            page = browser.get(f"/inbox/{thread.pk}", secure=True)
            assert page.status_code == 200, f"the thread answered {page.status_code}"
            looks = dict(_SHOWN.findall(page.content.decode()))
            for message in Message.objects.filter(pk__in=looks, direction="out"):
                read += 1
                wrong += looks[str(message.pk)] != LOOK.get(became.get(message.body, "failed"))
    assert read or not pages, "no text was found on the screen"
    return wrong


def unsettled(business: Any) -> int:
    """How many texts of this business have not come to an end yet."""
    from parley.messaging.models import Message

    ours = Message.objects.filter(business=business, direction="out")
    return ours.exclude(state__in=["delivered", "undelivered", "failed", "canceled", "read"]).count()


def until_none(left: Callable[[], int], *, what: str, still: float = STILL) -> None:
    """Wait until nothing is left, for as long as anything happens; fails when nothing did for `still` seconds.

    On a machine that others use, no time for the whole is long enough, and a run that is given up proves nothing.
    """
    last, since = -1, time.monotonic()
    while now := left():
        if now != last:
            last, since = now, time.monotonic()
        assert time.monotonic() - since < still, (
            f"{what}: {now} are left, and nothing happened for {still:g} s"
        )
        time.sleep(0.1)


def began_before(row: Mapping[str, Any], started_at: datetime | None, obeyed: float) -> bool:
    """Had the request for this row of the truth log begun before the opt-out counted (time.time)?

    The lock of rule R6 is let go half a second after all of a request was handed over: a carrier that others keep
    from its core takes it later. `started_at` is when our attempt at it was committed; None: there is none.
    """
    return (
        started_at is not None
        and started_at.timestamp() < obeyed
        and row["accepted_at"] - started_at.timestamp() < HANDED_OVER
    )


def attempts_began() -> dict[str, datetime]:
    """When each attempt that the carrier took was committed, by the carrier's id."""
    from parley.messaging.models import Attempt

    return dict(Attempt.objects.exclude(carrier_id=None).values_list("carrier_id", "started_at"))


def tell_late(row: Mapping[str, Any], started: datetime | None, obeyed: float) -> None:
    """What a text that was let in has behind it, in seconds after the opt-out, for whoever looks for the reason."""
    said = {
        "accepted": round(row["accepted_at"] - obeyed, 3),
        "began": started and round(started.timestamp() - obeyed, 3),
    }
    print("let in", json.dumps(said), file=sys.stderr)


def tell(fault: str, seen: Mapping[str, Any], began: float, **more: Any) -> None:
    """Print the run's one line, and end the process: 1 unless nothing was lost, doubled, let in or shown wrong."""
    from bench.ground import machine

    zeros = dict.fromkeys(COUNTS, 0)
    secs = round(time.monotonic() - began, 1)
    line = {"fault": fault, "tried": 0, **zeros, **seen, "secs": secs, **more, "machine": machine()}
    print(json.dumps(line), flush=True)
    sys.exit(1 if any(line[name] for name in COUNTS) else 0)


def asked(description: str | None, **sizes: int) -> argparse.Namespace:
    """The command's wishes: a whole number for each of `sizes`, and a seed."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, size in (sizes | {"seed": 1}).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=size)
    return parser.parse_args()
