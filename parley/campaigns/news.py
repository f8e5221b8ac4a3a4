"""What managers are told of a campaign that nobody has open."""

from __future__ import annotations

from django.conf import settings

from parley.campaigns.models import Campaign
from parley.notifications.models import Notification
from parley.notifications.telling import News, tell_managers


def tell_paused(campaign: Campaign) -> None:
    """It paused by itself, and why."""
    _tell(
        campaign, f"paused {campaign.queued}", f"“{campaign.name}” is paused", campaign.reason, trouble=True
    )


def tell_sent(campaign: Campaign) -> None:
    """All of it has left."""
    words = f"{campaign.queued:,} {'text' if campaign.queued == 1 else 'texts'} went out."
    _tell(campaign, "sent", f"“{campaign.name}” has been sent", words)


def _tell(campaign: Campaign, what: str, title: str, words: str, *, trouble: bool = False) -> None:
    address = f"/campaigns/{campaign.pk}"
    body = f"{title}.\n\n{words}\n\n{settings.PUBLIC_URL}{address}\n"
    tell_managers(
        campaign.business,
        News(
            key=f"campaign {campaign.pk} {what}",
            title=title[:160],
            words=words[:200],
            address=address,
            email_subject=title,
            email_body=body,
            trouble=trouble,
            kind=Notification.Kind.CAMPAIGN,
        ),
    )
