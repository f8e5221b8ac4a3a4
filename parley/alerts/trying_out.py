"""A test of a message, to the member who asks for it: by text, through the queue and paid for, and by email."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from parley.alerts import wording
from parley.alerts.examples import Example
from parley.alerts.kinds import KINDS
from parley.alerts.models import Rule
from parley.alerts.placeholders import values
from parley.businesses.models import Member
from parley.clients.models import Client, with_email
from parley.messaging import sending
from parley.messaging.models import Message
from parley.sms.numbers import pretty


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test, in words; `fine` if it is on its way."""

    fine: bool
    words: str


def send_test(member: Member, rule: Rule, example: Example, language: str, press: uuid.UUID) -> list[Outcome]:
    """Send the message as `example` would read it to the member's own mobile, email, or both, as the rule says.

    The text goes to a card of their own, which is made where nobody has the number. The same words with the same
    `press` (`ui.pressed`) are sent once.
    """
    business = member.business
    shown = Rule(
        business=business, kind=rule.kind, texts=rule.texts, subjects=rule.subjects, emails=rule.emails
    )
    shown.stop_line, shown.email = rule.stop_line, rule.email
    said = values(business, example.client, example.subject, language, at=example.at)
    try:
        composed = wording.compose(shown, said, language)
    except wording.Unfit as unfit:
        return [Outcome(False, unfit.words)]
    outcomes = []
    if rule.sms or not rule.email:
        card = card_of(member, phone=member.phone)
        outcomes.append(send_text(member, card, f"Test: {KINDS[rule.kind].name}", composed.text, press))
    if rule.email:
        card = card_of(member, email=member.user.email)
        title = f"Test: {KINDS[rule.kind].name}"
        outcomes.append(
            _send(member, card, title, "email", composed.email, f"to {card.email}", press, composed.subject)
        )
    return outcomes


def send_text(member: Member, card: Client, title: str, body: str, press: uuid.UUID) -> Outcome:
    """Send these words to the member's own card by text; with the same `press` once."""
    return _send(member, card, title, "sms", body, f"to {pretty(card.phone)}", press)


def _send(
    member: Member,
    card: Client,
    title: str,
    channel: str,
    body: str,
    to: str,
    press: uuid.UUID,
    subject: str = "",
) -> Outcome:
    try:
        message = sending.send_automatic(
            member.business,
            card,
            kind=Message.Kind.TRANSACTIONAL,
            title=title,
            body=body,
            key=uuid.uuid5(press, f"{channel} {card.pk} {body}"),
            channel=channel,
            subject=f"Test: {subject}" if subject else "",
        )
    except sending.CannotSend as refusal:
        return Outcome(False, refusal.words)
    if message.state == Message.State.CANCELED:
        return Outcome(False, message.reason)
    return Outcome(True, f"{'Email' if channel == 'email' else 'Text'} sent {to}.")


def card_of(member: Member, *, phone: str = "", email: str = "") -> Client:
    """The client card that has this number or address, else a new one in the member's name."""
    clients = member.business.clients
    if phone:
        known = clients.filter(phone=phone).first()
    else:
        known = with_email(member.business, email).order_by("created_at", "id").first()
    if known:
        return known
    first, _, last = member.user.name.partition(" ")
    made = Client(
        business=member.business, first_name=first[:60], last_name=last[:60], phone=phone, email=email
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        return clients.get(phone=phone)
    return made
