"""Whom a campaign means, and who of them may be texted and who not, and why: one statement for all of them.

The gates are those of `messaging.sending` and of the claim (rule R6): what is told here beforehand is asked again when
a text is written, and once more when it is claimed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from parley.campaigns.models import Campaign

Who = Literal["everyone", "some", "picked", "import"]
Visited = Literal["", "within", "not_within", "never"]
Agreed = Literal["", "agreed", "not_agreed"]

# Why somebody is not texted, by `Recipient.code`: what the screen calls it, and what helps (empty: nothing does).
WHY_NOT: dict[str, tuple[str, str]] = {
    "no_number": ("No mobile number", "Add one on their card."),
    "no_consent": ("Have not agreed to offers", "Ask them, and note it on their card."),
    "opted_out": ("Opted out", ""),
    "in_doubt": ("May have opted out", "Say on their card what they meant."),
    "landline": ("A landline", "Email still works."),
    "invalid": ("Not a working number", "Mend it on their card."),
    "toll_free": ("A toll-free number", "Texts to toll-free numbers don’t arrive."),
    "recently": ("Had a campaign lately", "They are spared for as long as this campaign says."),
    "no_hours": ("No hour at which they may be texted", "Add their state or ZIP code."),
    "no_words": ("The words say nothing to them", "A detail that the words need is empty on their card."),
    "too_long": ("Too long for a text", "Their details make it so: shorten the words."),
    "removed": ("Not your client any more", ""),
    "not_sent": ("Not sent", "Their conversation says why."),
}


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a campaign means, as a member said it: everyone, those who are so (`some`), picked ones, or an import's."""

    who: Who = "everyone"
    tags: tuple[str, ...] = ()
    every_tag: bool = False
    without_tags: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    visited: Visited = ""
    days: int = 90
    agreed: Agreed = ""
    picked: tuple[str, ...] = ()
    imported: str = ""

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Audience:
        """From `Campaign.audience`."""
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in kept.items()
            if name in cls.__slots__
        }
        return cls(**known)

    @property
    def kept(self) -> dict[str, Any]:
        """For `Campaign.audience`."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


# Their numbers begin so; a text to one does not arrive (numbers.is_toll_free).
_TOLL_FREE = r"^\+1(800|833|844|855|866|877|888)"

# One row for each client who is meant: `why` is empty if nothing speaks against a text. What somebody may be asked for
# again (consent) is told after what cannot be mended.
_JUDGED = """
    SELECT c.id, c.phone, c.first_name, c.last_name, c.language, c.time_zone, c.region, c.postal_code,
           CASE WHEN c.phone = '' THEN 'no_number'
                WHEN 'refused' IN (h.service, h.marketing) THEN 'opted_out'
                WHEN 'doubtful' IN (h.service, h.marketing) THEN 'in_doubt'
                WHEN h.reach = 'landline' THEN 'landline'
                WHEN h.reach = 'invalid' OR c.texting = 'cannot' THEN 'invalid'
                WHEN c.phone ~ %(toll_free)s THEN 'toll_free'
                WHEN h.marketing IS DISTINCT FROM 'agreed' THEN 'no_consent'
                {rested}
                ELSE '' END AS why
    FROM clients_client c
    LEFT JOIN clients_handset h ON h.business_id = c.business_id AND h.phone = c.phone AND h.phone <> ''
    WHERE c.business_id = %(business)s {which}
"""
_RESTED = """
    WHEN EXISTS (
        SELECT 1 FROM campaigns_recipient r
        WHERE r.business_id = %(business)s AND r.phone = c.phone AND r.phone <> '' AND r.campaign_id <> %(campaign)s
          AND r.queued_at > now() - %(rest_days)s * interval '1 day' AND r.state <> 'skipped'
    ) THEN 'recently'
"""
_VISITED = """
    EXISTS (SELECT 1 FROM appointments_appointment a
            WHERE a.business_id = %(business)s AND a.client_id = c.id AND a.status = 'booked'
              AND a.starts_at < now() {since})
"""
_SINCE = "AND a.starts_at >= now() - %(days)s * interval '1 day'"
_AGREED = "coalesce(h.marketing, '') = 'agreed'"


def judged(campaign: Campaign) -> tuple[str, dict[str, Any]]:
    """The statement that judges everybody whom the campaign means, and what it is given."""
    asked = Audience.of(campaign.audience)
    conditions = list(_conditions(asked))
    which = "".join(f" AND {condition}" for condition in conditions)
    rested = _RESTED if campaign.rest_days else ""
    return _JUDGED.format(which=which, rested=rested), {
        "business": campaign.business_id,
        "campaign": campaign.pk,
        "rest_days": campaign.rest_days,
        "toll_free": _TOLL_FREE,
        "tags": list(asked.tags),
        "without": list(asked.without_tags),
        "statuses": list(asked.statuses),
        "days": asked.days,
        "picked": _ids(asked.picked),
        "imported": asked.imported or None,
    }


def _conditions(asked: Audience) -> Iterable[str]:
    if asked.who == "picked":
        yield "c.id = ANY(%(picked)s::uuid[])"
    elif asked.who == "import":
        yield (
            "c.id IN (SELECT r.client_id FROM clients_importrow r"
            " WHERE r.business_id = %(business)s AND r.of_id = %(imported)s::uuid AND r.client_id IS NOT NULL)"
        )
    elif asked.who == "some":
        if asked.tags:
            yield f"c.tags {'@>' if asked.every_tag else '&&'} %(tags)s::varchar[]"
        if asked.without_tags:
            yield "NOT c.tags && %(without)s::varchar[]"
        if asked.statuses:
            yield "c.status = ANY(%(statuses)s)"
        if asked.visited == "within":
            yield _VISITED.format(since=_SINCE)
        elif asked.visited == "not_within":
            yield f"{_VISITED.format(since='')} AND NOT {_VISITED.format(since=_SINCE)}"
        elif asked.visited == "never":
            yield f"NOT {_VISITED.format(since='')}"
        if asked.agreed:
            yield _AGREED if asked.agreed == "agreed" else f"NOT {_AGREED}"


def _ids(picked: Sequence[str]) -> list[uuid.UUID]:
    found = []
    for each in picked:
        try:
            found.append(uuid.UUID(each))
        except ValueError:
            continue
    return found
