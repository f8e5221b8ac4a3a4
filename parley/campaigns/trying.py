"""A test of a campaign's words, to the member who asks for it: by text, through the queue and paid for."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.urls import reverse

from parley.alerts.trying_out import Outcome, card_of, send_text
from parley.alerts.wording import Unfit
from parley.businesses.models import Member
from parley.campaigns import tokens, wording
from parley.campaigns.models import Campaign
from parley.clients.models import Client


def send_test(member: Member, campaign: Campaign, press: uuid.UUID) -> list[Outcome]:
    """Send the words, each of two, to the member's own mobile, as they themselves would read them; with `press` once.

    It leaves from the number that automatic texts do, for they need not have agreed to offers. A test is in no
    campaign, so no address of it would lead anywhere: links are left as they were written, and where a client's own
    page stands there is the list of campaigns.
    """
    card = card_of(member, phone=member.phone)
    return [
        _send(member, card, campaign, variant, press)
        for variant in ("a", *(("b",) if campaign.share_b and campaign.wording_b else ()))
    ]


def _send(member: Member, card: Client, campaign: Campaign, variant: str, press: uuid.UUID) -> Outcome:
    try:
        body = wording.Words(member.business, campaign).compose(card, variant=variant)
    except Unfit as unfit:
        return Outcome(False, unfit.words)
    harmless = f"{settings.PUBLIC_URL}{reverse('campaigns')}"
    body = body.replace(tokens.own_page(wording.SOMEBODY), harmless)
    return send_text(member, card, f"Test: {campaign.name or 'campaign'}", body, uuid.uuid5(press, variant))
