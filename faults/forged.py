"""Webhooks that no carrier sent, and those it sent that somebody posts again: is any of them let in?

    python faults/forged.py [--forged 5000] [--replayed 1000] [--seed 1]

Forged: without a signature, with another key's, with that of another webhook, with words, address or attempt
changed after signing, as JSON, with fields added, doubled or cut, too large. `let_in` counts those that got a 200 or
left a row, `duplicated` the rows that replays of authentic ones made, `misshown` answers other than 403, 404, 405
and 413.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.ground import ground
from faults.webhooks import TEXT, Caller, Knock, a_text, answers, signed, tell, texts

Forgery = Callable[[Any, random.Random, Knock], bytes | None]


def _headers(knock: Knock, **more: str) -> None:
    knock.headers = knock.headers | {name.replace("_", "-"): value for name, value in more.items()}


def no_signature(world: Any, dice: random.Random, knock: Knock) -> None:
    del knock.headers["X-Twilio-Signature"]


def empty_signature(world: Any, dice: random.Random, knock: Knock) -> None:
    _headers(knock, X_Twilio_Signature="")


def any_signature(world: Any, dice: random.Random, knock: Knock) -> None:
    _headers(knock, X_Twilio_Signature="bm90IGEgc2lnbmF0dXJlIGF0IGFsbA==")


def one_bit(world: Any, dice: random.Random, knock: Knock) -> None:
    right = knock.headers["X-Twilio-Signature"]
    at = dice.randrange(len(right) - 2)
    _headers(knock, X_Twilio_Signature=right[:at] + ("A" if right[at] != "A" else "B") + right[at + 1 :])


def shorter(world: Any, dice: random.Random, knock: Knock) -> None:
    _headers(knock, X_Twilio_Signature=knock.headers["X-Twilio-Signature"][: dice.randrange(28)])


def wrong_key(world: Any, dice: random.Random, knock: Knock) -> None:
    knock.headers = signed(world, knock.path, knock.form, token=f"{dice.getrandbits(128):032x}").headers


def no_key(world: Any, dice: random.Random, knock: Knock) -> None:
    import base64
    import hmac

    pairs = "".join(f"{name}{knock.form[name]}" for name in sorted(knock.form))
    made = hmac.new(b"", (world.url + knock.path + pairs).encode(), "sha1").digest()
    _headers(knock, X_Twilio_Signature=base64.b64encode(made).decode())


def another_account(world: Any, dice: random.Random, knock: Knock) -> None:
    knock.form = knock.form | {"AccountSid": f"AC{dice.getrandbits(128):032x}"}
    wrong_key(world, dice, knock)


def of_another(world: Any, dice: random.Random, knock: Knock) -> None:
    knock.headers = a_text(world, "+15037770000", "Another").headers


def changed_words(world: Any, dice: random.Random, knock: Knock) -> None:
    field = dice.choice([name for name in knock.form if name not in ("FromCity",)])
    knock.form = knock.form | {field: knock.form[field] + "0"}


def more_fields(world: Any, dice: random.Random, knock: Knock) -> None:
    knock.form = knock.form | {"Extra": "1"}


def fewer_fields(world: Any, dice: random.Random, knock: Knock) -> None:
    knock.form = dict(knock.form)
    del knock.form["AccountSid"]


def changed_address(world: Any, dice: random.Random, knock: Knock) -> None:
    knock.path += dice.choice(["?", "?a=b", "?MessageSid=SM1"]) + "&x=1"


def another_address(world: Any, dice: random.Random, knock: Knock) -> None:
    from uuid import UUID

    attempt = UUID(int=dice.getrandbits(128))
    knock.path = f"/hooks/twilio/receipt/{attempt}" if knock.path == TEXT else TEXT


def other_host(world: Any, dice: random.Random, knock: Knock) -> None:
    there = "https://evil.example"
    from twilio.request_validator import RequestValidator

    made = RequestValidator(f"{dice.getrandbits(128):032x}").compute_signature(there + knock.path, knock.form)
    _headers(knock, X_Twilio_Signature=made, Host="evil.example", X_Forwarded_Host="evil.example")


def as_json(world: Any, dice: random.Random, knock: Knock) -> bytes:
    _headers(knock, Content_Type="application/json")
    return json.dumps(knock.form).encode()


def doubled_field(world: Any, dice: random.Random, knock: Knock) -> bytes:
    return (urlencode(knock.form) + "&" + urlencode({"From": "+15037779999", "MessageSid": "SM1"})).encode()


def another_separator(world: Any, dice: random.Random, knock: Knock) -> bytes:
    return urlencode(knock.form).replace("&", ";").encode()


def not_utf_8(world: Any, dice: random.Random, knock: Knock) -> bytes:
    return urlencode(knock.form).encode() + b"&Body=\xff\xfe"


def nothing(world: Any, dice: random.Random, knock: Knock) -> bytes:
    return b""


def too_large(world: Any, dice: random.Random, knock: Knock) -> bytes:
    return urlencode(knock.form | {"Body": "a" * 1_100_000}).encode()


def too_many_fields(world: Any, dice: random.Random, knock: Knock) -> bytes:
    return urlencode(knock.form).encode() + b"".join(b"&f%d=" % n for n in range(2000))


def hash_key_signature(world: Any, dice: random.Random, knock: Knock) -> None:
    """The account's number, which is no secret, as the key."""
    knock.headers = signed(world, knock.path, knock.form, token=world.account_sid).headers


FORGERIES: tuple[Forgery, ...] = (
    no_signature,
    empty_signature,
    any_signature,
    one_bit,
    shorter,
    wrong_key,
    no_key,
    another_account,
    of_another,
    changed_words,
    more_fields,
    fewer_fields,
    changed_address,
    another_address,
    other_host,
    as_json,
    doubled_field,
    another_separator,
    not_utf_8,
    nothing,
    too_many_fields,
    hash_key_signature,
)
# Large ones are slow to make: one in so many.
LARGE = 250


def forge(world: Any, *, forged: int, replayed: int, seed: int) -> dict[str, Any]:
    """Post `forged` and, five times each, `replayed` authentic ones; say what was let in."""
    from parley.messaging.models import CarrierEvent

    dice = random.Random(seed)
    caller = Caller(world.port)
    bodies = []
    knocks = texts(world, forged, seed=seed)
    for n, knock in enumerate(knocks):
        forgery = too_large if n % LARGE == 0 else FORGERIES[n % len(FORGERIES)]
        bodies.append(forgery(world, dice, knock))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(caller.post, knocks, bodies))
    rows = CarrierEvent.objects.count()
    said = answers(knocks)

    authentic = texts(world, replayed, seed=seed + 1)
    five_times = authentic * 5
    dice.shuffle(five_times)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(caller.post, five_times))
    return {
        "tried": forged + 5 * replayed,
        "let_in": said.get("200", 0) + rows,
        "lost": sum(status != 200 for status in statuses),
        "duplicated": CarrierEvent.objects.count() - rows - replayed,
        "misshown": sum(
            count for status, count in said.items() if status not in {"403", "404", "405", "413"}
        ),
        "answers": said,
        "kinds": len(FORGERIES) + 1,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--forged", type=int, default=5_000)
    parser.add_argument("--replayed", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    with ground(durable=False) as folder:
        from tests.world import a_world

        with a_world(folder, "web") as world:
            began = time.monotonic()
            seen = forge(world, forged=wish.forged, replayed=wish.replayed, seed=wish.seed)
    tell("forged", seen, began, seed=wish.seed)


if __name__ == "__main__":
    main()
