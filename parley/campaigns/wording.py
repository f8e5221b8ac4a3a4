"""The words of a campaign as each recipient reads them: the member's, and what the law wants beside them.

Whoever gets an offer must be told who sends it and how to stop it. Answers to a marketing number reach nobody, so
beside STOP there is a second way out, the recipient's own page (field.md 4.2, row 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from parley.alerts import wording
from parley.alerts.placeholders import OF_NOTHING, Values, own_number
from parley.businesses.models import Business
from parley.campaigns import tokens
from parley.campaigns.models import Campaign, Link
from parley.clients.languages import language_of
from parley.clients.models import Client
from parley.messaging.sending import LONGEST_TEXT, as_sent
from parley.sms.segments import plain

# What a member may write; a text holds 1,600 with what is added and what its details say.
LONGEST = 1_000
MOST_LINKS = 10
# As long as a card takes a first and a last name.
LONG_NAME = "M" * 60
# Whose token is as long as any will be, for whoever shows or counts words that nobody has been sent.
SOMEBODY = 10**9

# In letters of GSM-7 (no "ê", no "á"), and so short that a usual offer with it is one segment.
WAYS_OUT = {
    "en": "Reply STOP to opt out, or {page}",
    "fr": "Désabonnement: STOP ou {page}",
    "es": "Baja: responda STOP o {page}",
}

# What is followed by a detail is not the whole address: it is another one for each, and stays as it is written.
_LINK = re.compile(r"https?://[^\s{}<>\"“”]++(?!\{)")
_AFTER_A_LINK = ".,;:!?)'’"


class TooLong(wording.Unfit):
    """With what somebody's details say, it is more than a text holds."""


def why_unfit(unfit: wording.Unfit) -> str:
    """Why whoever these words don't fit gets nothing, by `audience.WHY_NOT`."""
    return "too_long" if isinstance(unfit, TooLong) else "no_words"


def problems(source: str) -> list[str]:
    """What keeps a member's words from being sent, in words; empty if nothing does."""
    found = wording.wrong(source, OF_NOTHING, LONGEST)
    if not found and len(links_in([source])) > MOST_LINKS:
        return [f"There are more than {MOST_LINKS} links in it."]
    return found


def links_in(sources: Iterable[str]) -> list[str]:
    """The addresses in these words, each once, in their order."""
    found = (match.rstrip(_AFTER_A_LINK) for source in sources for match in _LINK.findall(source))
    return list(dict.fromkeys(found))


@dataclass
class Words:
    """A campaign's words, to be composed for many. `links` are its own, or empty: then addresses stay as they are."""

    business: Business
    campaign: Campaign
    links: Sequence[Link] = ()

    def compose(self, client: Client, recipient: int = SOMEBODY, variant: str = "a") -> str:
        """What this client reads. Raises alerts.wording.Unfit, and of it TooLong."""
        language = language_of(self.business, client)
        values = self._business | {
            "client": {
                "first_name": client.first_name,
                "last_name": client.last_name,
                "full_name": f"{client.first_name} {client.last_name}".strip(),
            }
        }
        source = self.campaign.wording_b if variant == "b" else self.campaign.wording
        text = wording.fill(source, values)
        if not text:
            raise wording.Unfit("There would be nothing to read: every detail in these words is empty.")
        if self.links:
            text = _LINK.sub(lambda found: self._shortened(found[0], recipient), text)
        if self.business.name.casefold() not in text.casefold():
            text = f"{self.business.name}: {text}"
        way_out = WAYS_OUT[language].format(page=tokens.own_page(recipient))
        whole = plain(f"{text}\n{way_out}")
        if (letters := len(as_sent(whole))) > LONGEST_TEXT:
            raise TooLong(
                f"With what Parley adds and their details it has {letters:,} characters, and a text holds "
                f"{LONGEST_TEXT:,}: they get nothing. Shorten it."
            )
        return whole

    def may_be_too_long(self, recipient: int = SOMEBODY, variant: str = "a") -> bool:
        """Is there a name so long that whoever is called so gets nothing?"""
        for language in WAYS_OUT:
            somebody = Client(first_name=LONG_NAME, last_name=LONG_NAME, language=language)
            try:
                self.compose(somebody, recipient, variant)
            except TooLong:
                return True
            except wording.Unfit:
                continue
        return False

    def _shortened(self, written: str, recipient: int) -> str:
        """An address as it is sent: the short one in place of a link of the campaign's, and any other whole."""
        url = written.rstrip(_AFTER_A_LINK)
        place = self._places.get(url)
        return written if place is None else tokens.short_link(recipient, place) + written[len(url) :]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {link.url: link.place for link in self.links}

    @cached_property
    def _business(self) -> Values:
        business = self.business
        return {
            "business": {
                "name": business.name,
                "phone": own_number(business),
                "address": business.address,
            },
            "staff": {"contact_name": business.name},
        }


def of(campaign: Campaign) -> Words:
    """A campaign's words with its links, for its own business."""
    return Words(campaign.business, campaign, list(campaign.links.order_by("place")))
