"""Where a business stands with texting, in words: the notice and the table of SMS Settings."""

from __future__ import annotations

from dataclasses import dataclass

from parley.businesses.models import Business
from parley.numbers.models import Registration
from parley.numbers.texting import Column, Standing
from parley.numbers.timeline import MOST_DAYS, review_of


@dataclass(frozen=True, slots=True)
class Notice:
    """One `ui` notice: `tone` is a data-tone or empty, `title` is said in bold before `words`."""

    tone: str
    icon: str
    title: str
    words: str


def notice(business: Business, where: Standing) -> Notice:
    """What holds now, whatever is being chosen on the page."""
    number, registration = where.number, where.registration
    if not business.texting:
        return Notice("", "info", "Texting is switched off.", "Nothing leaves by text until it is on again.")
    if number and where.column is Column.ON:
        return Notice(
            "good",
            "shield",
            f"Texting is on with {number.pretty}.",
            "Your registration and number live in the app settings.",
        )
    if number:
        return Notice(
            "",
            "shield",
            f"{number.pretty} is yours, one way for now.",
            "Turn on two way texting in the app settings, and what clients answer reaches your Inbox again.",
        )
    return _without_number(registration)


def _without_number(registration: Registration | None) -> Notice:
    status = registration.status if registration else None
    if registration and status in (Registration.Status.SUBMITTED, Registration.Status.IN_REVIEW):
        review = review_of(registration)
        if review and review.overdue:
            return Notice(
                "pending",
                "clock",
                f"The carriers are late: day {review.day} of at most {MOST_DAYS}.",
                "The app settings say what you can do.",
            )
        day = f"Day {review.day} of at most {MOST_DAYS}. " if review and review.day else ""
        return Notice(
            "pending",
            "clock",
            "Carriers are checking your business.",
            f"{day}Until they answer, texts leave from a shared number and delivery isn’t guaranteed.",
        )
    if status == Registration.Status.REJECTED:
        return Notice(
            "danger",
            "alert",
            "Carriers sent your registration back.",
            "The app settings say what they want fixed.",
        )
    if status == Registration.Status.DRAFT:
        return Notice(
            "", "info", "Your registration isn’t finished.", "What you typed is kept in the app settings."
        )
    return Notice("", "info", "You have no number of your own yet.", "Register for one in the app settings.")


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of message in the table "Which number clients see"."""

    kind: str
    leaves_from: str
    answers: str


INBOX = "You get it in the Inbox"
AUTO_MESSAGE = "Not read. They get your auto message, at most once a day."


def which_number(business: Business, where: Standing) -> list[Row]:
    """The table of docs/architecture.md, for this business as it is now."""
    campaigns = Row("Campaigns", "A shared marketing number", "Not read. STOP and HELP always work.")
    if not business.texting:
        off = "Not sent while Texting is off"
        return [Row("Direct", off, "–"), Row("Automatic", off, "–"), Row("Campaigns", off, "–")]
    if where.column is Column.WAITING:
        shared = "A shared system number. Delivery isn’t guaranteed."
        return [
            Row("Direct", shared, INBOX),
            Row("Automatic", "A shared system number", f"{INBOX} if no other business shares it with them"),
            campaigns,
        ]
    own = f"{where.number.pretty}, your number" if where.number else "A shared system number"
    if where.column is Column.ON:
        return [Row("Direct", own, INBOX), Row("Automatic", own, INBOX), campaigns]
    return [
        Row("Direct", "Not sent by text. Email works.", "–"),
        Row("Automatic", own, AUTO_MESSAGE),
        campaigns,
    ]
