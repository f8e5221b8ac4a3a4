"""The words by which clients agree to texts: one place for the evidence page and for every form that asks.

What they must name (the carriers' toll-free rules, field.md 4.4; 47 CFR 64.1200(f)(9) for offers): the business,
that it is text messages, how often, that rates may apply, STOP and HELP, and that nobody has to agree in order to
buy. Offers are agreed to apart from service texts. The box is never ticked beforehand. Reviewed 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Collection

from parley.numbers.models import Registration

# Shown where the words are printed or said, so that carriers and clients find the same ones.
TERMS = (
    "Message frequency varies. Msg & data rates may apply. Reply STOP to opt out, HELP for help. "
    "Consent is not a condition of purchase."
)

_ABOUT = {
    Registration.Use.APPOINTMENTS: "appointments",
    Registration.Use.CONVERSATIONS: "my questions",
    Registration.Use.PAYMENTS: "payments",
}


def _about(uses: Collection[str]) -> str:
    named = [words for use, words in _ABOUT.items() if use in uses] or ["appointments", "my questions"]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def statements(name: str, uses: Collection[str]) -> list[str]:
    """What a client agrees to, each with a box of its own. `name` is the one that clients know."""
    words = [f"I agree to get text messages from {name} about {_about(uses)}. {TERMS}"]
    if Registration.Use.OFFERS in uses:
        words.append(f"I also agree to get text messages with offers and news from {name}. {TERMS}")
    return words


def confirmation(name: str) -> str:
    """The first text to somebody who agreed by texting first."""
    return (
        f"{name}: thanks for texting us. We answer here. Message frequency varies. Msg & data rates may apply. "
        "Reply HELP for help, STOP to opt out."
    )


def known_as(registration: Registration) -> str:
    """The name by which clients know the business."""
    return registration.trade_name or registration.business.name
