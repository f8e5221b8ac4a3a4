"""The notification centre: one business's news, read by each member for themselves."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from parley.notifications.models import Notification
from tests.inbox.conftest import FRAME, SIGNED_IN
from tests.people import House

HTMX = {"HX-Request": "true"}


def tell(house: House, count: int = 1, **more) -> None:
    values = {
        "kind": "text",
        "title": "Daniel Reyes",
        "words": "Running late",
        "initials": "DR",
        "tint": "sky",
    }
    now = timezone.now()
    Notification.objects.bulk_create(
        Notification(business=house.business, created_at=now - timedelta(seconds=n), **(values | more))
        for n in range(count)
    )


def enter(member) -> Browser:
    """A browser of a member who read their news an hour ago."""
    member.notifications_read_at = timezone.now() - timedelta(hours=1)
    member.save()
    browser = Browser()
    browser.force_login(member.user)
    return browser


def test_the_bell_counts_what_is_new_and_one_press_reads_it_for_one_member(
    juniper: House, alder: House
) -> None:
    nora, jules = enter(juniper.owner), enter(juniper.staff)
    tell(juniper, 3)
    tell(alder, title="Not for you")
    html = nora.get("/notifications").content.decode()
    assert "Notifications, 3 new" in html
    assert html.count('aria-label="New"') == 3
    assert "Not for you" not in html
    answer = nora.post("/notifications/read", headers=HTMX).content.decode()
    assert 'aria-label="New"' not in answer
    assert "Mark all read" not in answer
    assert "3 new" not in nora.get("/notifications").content.decode()
    assert "Notifications, 3 new" in jules.get("/notifications").content.decode(), "he has read nothing"
    assert nora.post("/notifications/read").status_code == 302


def test_failures_lead_to_their_conversation_in_their_tone(juniper: House) -> None:
    message = juniper.text(juniper.client(), "Hi")
    tell(
        juniper,
        kind="failed",
        title="A text to <Theo> didn’t arrive",
        conversation_id=message.conversation_id,
    )
    html = enter(juniper.owner).get("/notifications").content.decode()
    assert '<li data-tone="danger">' in html
    assert f'href="/inbox/{message.conversation_id}"' in html
    assert "A text to &lt;Theo&gt; didn’t arrive" in html
    assert "</b></a> texted" not in html


def test_empty_says_so(juniper: House) -> None:
    assert "Nothing new" in enter(juniper.owner).get("/notifications").content.decode()


@pytest.mark.parametrize("count", [3, 300])
def test_a_page_costs_the_same_for_3_and_for_300(
    juniper: House, count: int, django_assert_num_queries
) -> None:
    nora = enter(juniper.owner)
    tell(juniper, count)
    with django_assert_num_queries(SIGNED_IN + FRAME + 1):
        nora.get("/notifications")


def test_pages_follow_each_other(juniper: House) -> None:
    nora = enter(juniper.owner)
    tell(juniper, 120)
    Notification.objects.update(created_at=timezone.now())
    html, seen = nora.get("/notifications").content.decode(), 0
    while True:
        seen += html.count("Running late")
        more = re.search(r'hx-get="(/notifications\?before=[^"]+)"', html)
        if not more:
            break
        html = nora.get(more[1].replace("&amp;", "&"), headers=HTMX).content.decode()
    assert seen == 120
    assert nora.get("/notifications?before=x").status_code == 200
