"""Why a message was sent, or held, or not sent: what was decided when it was written, and that in words.

`Message.why` is written once, with the message, by the one who decides (`sending`). Its keys, each absent where nothing
was decided or the message is older than this:

    number    NumberWhy    which number it leaves from, by which cell of the table "Which number"
    consent   ConsentWhy   what the ledger said of the client's number
    quiet     QuietWhy     the window that marketing had to keep to
    quota     QuotaWhy     what it took from which pot
    refused   RefusedWhy   why it was not sent at all
    confirms  True         it is the one text that says that somebody was opted out
    late      True         no webhook brought it: it was found in the carrier's log
    records   True         after a restore: Parley knows of it from the carrier's log alone

What happened afterwards is not in there: attempts, receipts and refunds have rows of their own. `explain` reads all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict
from zoneinfo import ZoneInfo

from parley.carriers.base import ReceiptStatus
from parley.clients.models import Consent, Handset
from parley.messaging.models import Attempt, CarrierEvent, Message
from parley.numbers.models import PhoneNumber
from parley.quota.ledger import Spent
from parley.quota.models import Entry
from parley.sms.numbers import pretty
from parley.ui.templatetags.ui import clock, weekday

if TYPE_CHECKING:
    from parley.sms.quiet_hours import Window


class NumberWhy(TypedDict):
    """`rule` is a `routing.Rule`; `number` is E.164, as it was; `duty` what the number was for."""

    rule: str
    id: str
    number: str
    duty: str


class ConsentWhy(TypedDict):
    """What `Handset` said (`service`, `marketing`), the ledger's `line` that says so, and what was enough (`basis`).

    Without a basis it was enough that nothing had been refused; for marketing, that they had agreed.
    """

    service: str
    marketing: str
    line: int | None
    basis: NotRequired[str]


class QuietWhy(TypedDict):
    """A `quiet_hours.Window`: times in ISO 8601, UTC; what the zones were told from; the rule in words."""

    opens_at: str
    closes_at: str
    zones: list[str]
    basis: str
    rule: str


class QuotaWhy(TypedDict):
    """The ledger's line; and in segments what the month's texts gave, what bought ones gave, and how many were left."""

    entry: int
    monthly: int
    bought: int
    left: int


class RefusedWhy(TypedDict):
    """The field and the words of `CannotSend`."""

    field: str
    words: str


Basis = Literal["wrote_first", "no_refusal", "agreed", "confirms"]


def number(number: PhoneNumber, rule: str) -> NumberWhy:
    """For the key `number`."""
    return {"rule": rule, "id": str(number.id), "number": number.number, "duty": number.duty}


def consent(known: Handset | None, basis: Basis, *, marketing: bool = False) -> ConsentWhy:
    """For the key `consent`: the line is that of the category it was sent for."""
    if known is None:
        return {"service": "", "marketing": "", "line": None, "basis": basis}
    line = known.marketing_by if marketing else known.service_by
    return {"service": known.service, "marketing": known.marketing, "line": line, "basis": basis}


def quiet(window: Window) -> QuietWhy:
    """For the key `quiet`."""
    return {
        "opens_at": window.opens_at.isoformat(),
        "closes_at": window.closes_at.isoformat(),
        "zones": sorted(window.zones),
        "basis": window.basis,
        "rule": window.rule,
    }


def quota(spent: Spent) -> QuotaWhy:
    """For the key `quota`."""
    return {"entry": spent.entry, "monthly": spent.monthly, "bought": spent.bought, "left": spent.left}


def refused(field: str, words: str) -> RefusedWhy:
    """For the key `refused`."""
    return {"field": field, "words": words}


About = Literal["what", "from", "to", "consent", "quiet", "cost", "step", "now", "next"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to know of a message. `code` is for programs, `words` for members of its business.

    A `step` on its way has its time (`at`), and what the carrier's support would ask for (`detail`).
    """

    about: About
    code: str
    words: str
    at: datetime | None = None
    detail: str = ""


State = Message.State

# A text that found the carrier away for a day was tried hundreds of times: the last tell enough.
MOST_TRIES = 30
MOST_LISTED = 4

NUMBER_RULES = {
    "own": "Your own number.",
    "own_automatic": "Your own number: automatic texts leave from it too.",
    "system_waiting": "A shared number, until yours is approved. An answer to it can only mean you.",
    "system_automatic": "A shared number: automatic texts leave from one while no number of your own is in use.",
    "marketing_pool": "A shared number for marketing. Nobody reads answers to it, but STOP always works.",
    "answering": "The number they had texted.",
}
CONSENT_BASES = {
    "wrote_first": "They had texted you, and had not opted out.",
    "no_refusal": "They had not opted out of texts.",
    "agreed": "They had agreed to marketing.",
    "confirms": "This is the one text that tells them that they are opted out.",
}
ZONES_FROM = {
    "zone": "the time zone on their card",
    "place": "their address",
    "number": "the area code of their number, which may be out of date",
}
ANSWERS = {
    Attempt.State.UNKNOWN: "No clear answer came back, so Parley asks the carrier what became of it.",
    Attempt.State.BOUND: "The carrier took it.",
    Attempt.State.LOST: "The carrier took it.",
    Attempt.State.REFUSED: "The carrier refused it.",
    Attempt.State.NOT_SENT: "It did not get through to the carrier.",
    Attempt.State.ABSENT: "The carrier’s records show that it never came there.",
    Attempt.State.GIVEN_UP: "The carrier could not say what became of it.",
}
RECEIPTS: dict[ReceiptStatus, str] = {
    "accepted": "The carrier has it.",
    "queued": "It waits its turn at the carrier.",
    "sending": "The carrier is sending it.",
    "sent": "The carrier passed it to the phone network.",
    "delivered": "It reached the phone.",
    "undelivered": "The phone network did not deliver it.",
    "failed": "The carrier could not send it.",
    "canceled": "It was canceled at the carrier.",
    "read": "It was read.",
}


def explain(message: Message) -> list[Fact]:
    """All there is to know of a message, in the order it is told. Five queries at the most, however often it was tried.

    `message` comes with its business, author, number and client. A category that nothing is known of is left out.
    """
    if message.channel == Message.Channel.CALL:
        return [_what(message), *_numbers(message), Fact("step", "written", "Called.", message.at)]
    facts = [_what(message), *_numbers(message)]
    if not message.inbound and message.channel == Message.Channel.SMS:
        facts += [*_consent(message), *_quiet(message), *_cost(message)]
    return [*facts, *_steps(message), _now(message), *_next(message)]


RECORDED = (
    "A text that left before Parley was restored from a backup. The carrier’s records know its words and what became "
    "of it, not who wrote it."
)


def _what(message: Message) -> Fact:
    client = message.conversation.client
    a_thing = {Message.Channel.EMAIL: "An email", Message.Channel.CALL: "A call"}.get(
        Message.Channel(message.channel), "A text"
    )
    if message.inbound and "late" in message.why:
        late = "It arrived late: Parley found it in the carrier’s records."
        return Fact("what", "inbound_late", f"{a_thing} from {client.calls}. {late}")
    if message.inbound:
        return Fact("what", "inbound", f"{a_thing} from {client.calls}.")
    if "records" in message.why:
        return Fact("what", "records", RECORDED)
    if message.kind == Message.Kind.DIRECT:
        author = message.author.user.name if message.author else "somebody of your team"
        did = "made" if message.channel == Message.Channel.CALL else "wrote"
        return Fact("what", "direct", f"{a_thing} that {author} {did}.")
    named = f": {message.title}" if message.title else ""
    if message.kind == Message.Kind.MARKETING:
        return Fact("what", "marketing", f"Marketing{named}.")
    kind = "An automatic email" if message.channel == Message.Channel.EMAIL else "An automatic text"
    return Fact("what", "transactional", f"{kind}{named}.")


def _numbers(message: Message) -> list[Fact]:
    client = message.conversation.client
    if message.channel == Message.Channel.EMAIL:
        ours, theirs = message.business.email, message.their_address
        if message.inbound:
            return [Fact("from", "theirs", theirs), Fact("to", "ours", ours)]
        return [
            Fact("from", "email", f"{ours}. Emails leave from your business’s own address."),
            Fact("to", "theirs", theirs),
        ]
    theirs = pretty(message.their_address) or "A number that was withheld."
    if message.their_address and client.phone and client.phone != message.their_address:
        theirs = f"{theirs}, their number then. Now it is {client.pretty_phone}."
    decided: NumberWhy | None = message.why.get("number")
    ours = pretty(decided["number"]) if decided else message.number.pretty if message.number else ""
    if message.inbound:
        return [Fact("from", "theirs", theirs), *([Fact("to", "ours", ours)] if ours else [])]
    if not ours:
        return [Fact("to", "theirs", theirs)]
    own = (
        decided["duty"] if decided else message.number and message.number.duty
    ) == PhoneNumber.Duty.BUSINESS
    rule = decided["rule"] if decided else ""
    why = NUMBER_RULES.get(rule, "Your own number." if own else "A shared number.")
    return [Fact("from", rule or "unrecorded", f"{ours}. {why}"), Fact("to", "theirs", theirs)]


def _consent(message: Message) -> list[Fact]:
    decided: ConsentWhy | None = message.why.get("consent")
    # What was written before there were reasons, or was not sent, says nothing of it.
    if decided is None and "number" not in message.why:
        return []
    basis = "confirms" if "confirms" in message.why else decided and decided.get("basis")
    basis = basis or ("agreed" if message.kind == Message.Kind.MARKETING else "no_refusal")
    words = CONSENT_BASES.get(basis, CONSENT_BASES["no_refusal"])
    line = (
        message.business.consents.filter(pk=decided["line"]).first() if decided and decided["line"] else None
    )
    if line is not None and line.phone == message.their_address:
        words = f"{words} {_in_ledger(message, line)}"
    return [Fact("consent", basis, words)]


def _in_ledger(message: Message, line: Consent) -> str:
    on = f"{weekday(line.said_at, message.business.zone)}, {clock(line.said_at, message.business.zone)}"
    category = "" if line.category == Consent.Category.ALL else f" ({line.get_category_display().lower()})"
    quoted = f": “{line.words}”" if line.words else ""
    by = f" Recorded by {line.by_name}." if line.by_name else ""
    how = line.get_how_display()
    return f"{line.get_says_display()}{category} {how[0].lower()}{how[1:]}, {on}{quoted}.{by}"


def _quiet(message: Message) -> list[Fact]:
    decided: QuietWhy | None = message.why.get("quiet")
    if decided is None:
        return []
    opens, closes = (datetime.fromisoformat(decided[end]) for end in ("opens_at", "closes_at"))
    cities = _listed(zone.rsplit("/", 1)[-1].replace("_", " ") for zone in decided["zones"])
    if len(decided["zones"]) == 1:
        zone, whose = ZoneInfo(decided["zones"][0]), f"in {cities}"
    else:
        zone, whose = (
            message.business.zone,
            f"your time, so that it suits every clock that may be theirs: {cities}",
        )
    told = ZONES_FROM.get(decided["basis"], decided["basis"])
    return [
        Fact(
            "quiet",
            decided["basis"],
            f"It may reach them {weekday(opens, zone)}, from {clock(opens, zone)} to {clock(closes, zone)} {whose}. "
            f"That is told from {told}. {decided['rule'].rstrip('.')}.",
        )
    ]


def _listed(words: Iterable[str]) -> str:
    """Denver and Los Angeles; Boise, Denver and Los Angeles; Adak, Boise, Denver and 12 more."""
    all_of_them = list(words)
    *some, last = all_of_them
    if len(all_of_them) > MOST_LISTED:
        some, last = all_of_them[: MOST_LISTED - 1], f"{len(all_of_them) - MOST_LISTED + 1} more"
    return f"{', '.join(some)} and {last}" if some else last


def _cost(message: Message) -> list[Fact]:
    decided: QuotaWhy | None = message.why.get("quota")
    if decided is None:
        return []
    took = decided["monthly"] + decided["bought"]
    words = f"{took} {'segment' if took == 1 else 'segments'}, "
    if not decided["bought"]:
        words += "from this month’s texts."
    elif not decided["monthly"]:
        words += "from the texts you bought."
    else:
        words += (
            f"{decided['monthly']} from this month’s texts and {decided['bought']} from those you bought."
        )
    words += f" {decided['left']:,} {'was' if decided['left'] == 1 else 'were'} left then."
    code = "spent"
    if message.business.entries.filter(message_id=message.id, kind=Entry.Kind.REFUND).exists():
        code, words = "refunded", f"{words} Given back, because it was not sent."
    return [Fact("cost", code, words)]


def _steps(message: Message) -> list[Fact]:
    written = "Received." if message.inbound else "Written."
    # What a carrier knows it by is on the attempts, where there are any.
    steps = [Fact("step", "written", written, message.at, message.carrier_id if message.inbound else "")]
    if message.inbound or message.channel == Message.Channel.EMAIL:
        return steps
    tries = message.attempts.filter(business_id=message.business_id).order_by("-try_number", "-started_at")
    attempts = list(tries[:MOST_TRIES])
    for tried in attempts[::-1]:
        again = f", try {tried.try_number}" if tried.try_number > 1 else ""
        steps.append(Fact("step", "handed_over", f"Handed to the carrier{again}.", tried.started_at))
        if words := ANSWERS.get(Attempt.State(tried.state)):
            # What a receipt said of a text that the carrier took is told with the receipt.
            refused = tried.state in (Attempt.State.REFUSED, Attempt.State.NOT_SENT)
            if refused and tried.words:
                words = f"{words} {tried.words}"
            detail = tried.carrier_id or (f"Code {tried.code}" if refused and tried.code else "")
            steps.append(Fact("step", tried.state, words, tried.answered_at or tried.started_at, detail))
    steps += _receipts(message, attempts)
    return sorted(steps, key=lambda fact: fact.at or message.at)


def _receipts(message: Message, attempts: Sequence[Attempt]) -> list[Fact]:
    """Receipts are kept as webhooks, under a key of the carrier's id, the status and the code."""
    said: dict[str, tuple[ReceiptStatus, Attempt, str]] = {}
    for tried in attempts:
        for status in RECEIPTS:
            for code in {"", tried.code} if tried.carrier_id else ():
                said[f"{tried.carrier_id}:{status}:{code}"] = status, tried, code
    came = CarrierEvent.objects.filter(
        carrier=message.number.carrier if message.number else "",
        kind=CarrierEvent.Kind.RECEIPT,
        key__in=said,
        attempt_id__in=[tried.id for tried in attempts],
    ).order_by("received_at", "id")
    facts = []
    for key, at in came.values_list("key", "received_at"):
        status, tried, code = said[key]
        words = f"{RECEIPTS[status]} {tried.words}" if code and tried.words else RECEIPTS[status]
        facts.append(Fact("step", status, words, at, f"Code {code}" if code else ""))
    return facts


def _now(message: Message) -> Fact:
    refused: RefusedWhy | None = message.why.get("refused")
    state = State(message.state).label
    reason = message.reason or (refused["words"] if refused else "")
    detail = f"Code {message.code}" if message.code else ""
    return Fact("now", message.state, f"{state.rstrip('.')}. {reason}".strip(), message.changed_at, detail)


def _next(message: Message) -> list[Fact]:
    """What a member can do about it; nothing where nothing is left to be done."""
    if message.inbound or message.state in (State.DELIVERED, State.READ):
        return []
    text = message.channel == Message.Channel.SMS
    if message.state in (State.QUEUED, State.SENDING):
        return [Fact("next", "wait", "Nothing: it leaves by itself.")]
    if message.state == State.UNKNOWN:
        return [
            Fact(
                "next", "ask", "Nothing yet. Parley asks the carrier until it knows, and sends nothing twice."
            )
        ]
    if message.state in (State.ACCEPTED, State.SENT):
        words = "Nothing. Some phone networks never confirm that a text arrived." if text else "Nothing."
        return [Fact("next", "trust", words)]
    known = message.business.handsets.filter(phone=message.their_address).first() if text else None
    if known and known.service == Handset.Service.REFUSED:
        return [Fact("next", "stopped", "They opted out of texts. Send an email, or call.")]
    if known and known.reach in (Handset.Reach.LANDLINE, Handset.Reach.INVALID):
        return [
            Fact(
                "next",
                known.reach,
                "Ask them for a mobile number and write it on their card, send an email, or call.",
            )
        ]
    if message.state == State.UNCONFIRMED:
        return [
            Fact("next", "unconfirmed", "Ask them whether it came, or send it again from the conversation.")
        ]
    if message.kind != Message.Kind.DIRECT:
        return [Fact("next", "automatic", "It is not sent again by itself. You can write to them, or call.")]
    if not text:
        return [Fact("next", "again", "Check the address, then send it again from the conversation.")]
    return [Fact("next", "again", "Send it again from the conversation, send an email, or call.")]
