"""Signed webhooks at a steady pace into a `parley web` that things happen to, and what became of each."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

TEXT = "/hooks/twilio/text"
OURS = "+18555550142"


@dataclass
class Knock:
    """One webhook. `status` is 0 while nobody has answered; `at` is when the answer came, by time.time()."""

    path: str
    form: dict[str, str]
    headers: dict[str, str]
    status: int = 0
    took: float = 0.0
    at: float = 0.0
    tries: int = 0

    @property
    def key(self) -> str:
        """As `messaging_carrierevent` keeps it."""
        sid = self.form["MessageSid"]
        return f"{sid}:{self.form['MessageStatus']}:" if "MessageStatus" in self.form else sid

    @property
    def said(self) -> str | None:
        return self.form.get("Body")


def texts(world: Any, count: int, *, seed: int, clients: int = 200, number: str = OURS) -> list[Knock]:
    """Texts of many clients to one number, each with its own words, and a receipt for every fifth."""
    from uuid import UUID

    dice = random.Random(seed)
    made = []
    for n in range(count):
        message = f"SM{UUID(int=dice.getrandbits(128)).hex}"
        if n % 5 == 4:
            attempt = UUID(int=dice.getrandbits(128))
            form = {"MessageSid": message, "MessageStatus": "sent", "AccountSid": world.account_sid}
            made.append(signed(world, f"/hooks/twilio/receipt/{attempt}", form))
        else:
            sender = f"+1503{2000000 + dice.randrange(clients)}"
            made.append(a_text(world, sender, f"Words of the {n}th", MessageSid=message, number=number))
    return made


def a_text(world: Any, sender: str, body: str, *, number: str = OURS, **more: Any) -> Knock:
    from tests.messaging.signed import text_form

    return signed(world, TEXT, text_form(world, sender, number, body, **more))


def signed(world: Any, path: str, form: dict[str, str], *, token: str | None = None) -> Knock:
    from twilio.request_validator import RequestValidator

    signature = RequestValidator(token or world.auth_token).compute_signature(world.url + path, form)
    kind = "application/x-www-form-urlencoded"
    return Knock(path, form, {"Content-Type": kind, "X-Twilio-Signature": signature})


@dataclass
class Caller:
    """Posts over connections that are kept, one a thread, as a carrier does."""

    port: int
    patience: float = 15.0
    _mine: threading.local = field(default_factory=threading.local)

    def post(self, knock: Knock, body: bytes | None = None) -> int:
        """Post once. Returns the status, 0 where there was no answer."""
        began = time.monotonic()
        knock.tries += 1
        for _ in range(2):
            line = getattr(self._mine, "line", None)
            fresh = line is None
            if line is None:
                line = self._mine.line = http.client.HTTPConnection(
                    "127.0.0.1", self.port, timeout=self.patience
                )
            try:
                line.request(
                    "POST",
                    knock.path,
                    urlencode(knock.form).encode() if body is None else body,
                    knock.headers,
                )
                answer = line.getresponse()
                answer.read()
                knock.status = answer.status
                break
            except (OSError, http.client.HTTPException):
                line.close()
                self._mine.line = None
                knock.status = 0
                if fresh:
                    break
        knock.took, knock.at = time.monotonic() - began, time.time()
        return knock.status

    def at_pace(self, knocks: Sequence[Knock], rate: float, *, threads: int = 32, again: float = 0.0) -> None:
        """Post all, `rate` a second, whatever becomes of each; `again`: once more so long after a refusal."""
        began = time.monotonic()

        def one(n: int) -> None:
            time.sleep(max(0.0, began + n / rate - time.monotonic()))
            if self.post(knocks[n]) != 200 and again:
                time.sleep(again)
                self.post(knocks[n])

        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(one, n) for n in range(len(knocks))]:
                done.result()


def kept(knocks: Sequence[Knock]) -> dict[str, int]:
    """What the database holds of what was answered with 200: none may be missing, and none be there twice."""
    from parley.messaging.models import CarrierEvent, Message

    acked = {knock.key: knock for knock in knocks if knock.status == 200}
    rows = CarrierEvent.objects.values_list("key", "form", "kind")
    events = Counter(key for key, *_ in rows)
    forms = {key: form for key, form, _ in rows}
    # Receipts for texts of ours come from the sandbox.
    strange = {key for key, _, kind in rows if kind == "text"} - {knock.key for knock in knocks}
    words = Counter(Message.objects.filter(direction="in").values_list("carrier_id", "body"))
    messages: Counter[str] = Counter()
    for (carrier_id, _), count in words.items():
        messages[carrier_id] += count
    said = {key: knock.said for key, knock in acked.items() if knock.said is not None}
    return {
        "acked": len(acked),
        "stored": len(events),
        "lost": sum(key not in events for key in acked) + sum(not messages[key] for key in said),
        "duplicated": sum(count - 1 for count in events.values())
        + sum(count - 1 for count in messages.values()),
        "let_in": len(strange),
        "misshown": sum(messages[key] > 0 and (key, body) not in words for key, body in said.items())
        + sum(key in forms and forms[key] != urlencode(knock.form) for key, knock in acked.items()),
    }


def unread() -> int:
    """How much of what came `parley texts` has not read yet."""
    from parley.messaging.models import CarrierEvent

    return CarrierEvent.objects.filter(done_at=None, trouble="").count()


def answers(knocks: Sequence[Knock]) -> dict[str, int]:
    return {
        str(status or "none"): count for status, count in sorted(Counter(k.status for k in knocks).items())
    }


def percentile(values: Sequence[float], share: float) -> float:
    """In milliseconds."""
    ordered = sorted(values)
    return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else 0.0


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread
