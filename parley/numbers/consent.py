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
    Registration.Use.CONVERSATIONS: "questions",
    Registration.Use.PAYMENTS: "payments",
}


def _about(uses: Collection[str], whose: str) -> str:
    named = [words for use, words in _ABOUT.items() if use in uses] or ["appointments", "questions"]
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"{whose} {listed}"


def statements(name: str, uses: Collection[str]) -> list[str]:
    """What a client agrees to in writing, each with a box of its own. `name` is the one that clients know."""
    words = [f"I agree to get text messages from {name} about {_about(uses, 'my')}. {TERMS}"]
    if Registration.Use.OFFERS in uses:
        words.append(f"I also agree to get text messages with offers and news from {name}. {TERMS}")
    return words


def invitation(name: str, uses: Collection[str]) -> str:
    """What stands beside the number where clients text first. Offers are not agreed to by writing first."""
    return (
        f"Text us. By texting us you agree to get text messages from {name} about {_about(uses, 'your')}. "
        f"{TERMS}"
    )


def known_as(registration: Registration) -> str:
    """The name by which clients know the business."""
    return registration.trade_name or registration.business.name
