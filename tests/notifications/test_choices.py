"""Who is told what: whose it is, what they are, and what each of them chose."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from parley.businesses.models import Member
from parley.notifications import choices
from parley.notifications.models import Notification, PushSubscription
from parley.notifications.tasks import forget_old_news
from tests.inbox.conftest import FRAME, SIGNED_IN
from tests.people import House


def tell(house: House, **more) -> Notification:
    values = {"kind": "text", "title": "Daniel Reyes", "created_at": timezone.now()}
    return Notification.objects.create(business=house.business, **(values | more))


def reached(notification: Notification) -> set[Member]:
    """Who is shown it. Push and email, while nobody has chosen, reach the same."""
    members = {
        m for m in notification.business.members.all() if notification in Notification.objects.told_to(m)
    }
    assert set(notification.audience("push")) == members
    return members


def enter(member: Member) -> Browser:
    browser = Browser()
    browser.force_login(member.user)
    return browser


def test_what_is_nobodys_is_everybodys(juniper: House) -> None:
    assert reached(tell(juniper)) == {juniper.owner, juniper.staff}
    assert reached(tell(juniper, member=juniper.staff)) == {juniper.staff}
    assert reached(tell(juniper, kind="number", managers_only=True)) == {juniper.owner}


def test_what_was_a_leavers_is_everybodys(juniper: House) -> None:
    notification = tell(juniper, member=juniper.staff)
    juniper.staff.delete()
    notification.refresh_from_db()
    assert reached(notification) == {juniper.owner}


def test_the_centre_remembers_30_days(juniper: House) -> None:
    now = timezone.now()
    kept = tell(juniper, created_at=now - timedelta(days=29, hours=23))
    tell(juniper, created_at=now - timedelta(days=30, minutes=1))
    assert list(Notification.objects.told_to(juniper.owner)) == [kept]


def test_what_is_not_shown_any_more_is_deleted_but_not_forgotten(juniper: House) -> None:
    old = timezone.now() - timedelta(days=31)
    tell(juniper, created_at=old)
    once = tell(juniper, created_at=old, kind="number", key="overdue 1")
    kept = tell(juniper)
    forget_old_news(timestamp=0)
    assert set(Notification.objects.all()) == {once, kept}


def test_each_member_chooses_for_themselves(juniper: House) -> None:
    nora, jules = enter(juniper.owner), enter(juniper.staff)
    everything = list(choices.names(juniper.owner))
    nora.post("/settings/notifications", {"wants": [w for w in everything if w != "text:app"]})
    tell(juniper, conversation_id=None)
    since = {"news": (timezone.now() - timedelta(minutes=1)).isoformat()}
    html = nora.get("/notifications").content.decode()
    assert "Daniel Reyes" not in html
    assert ", 1 new" not in html, "nor does the bell count it"
    assert "data-toast" not in nora.get("/live", since).content.decode()
    assert "Daniel Reyes" in jules.get("/notifications").content.decode()
    assert "Daniel Reyes" in jules.get("/live", since).content.decode()


def test_what_is_chosen_is_what_the_page_says(juniper: House) -> None:
    nora = enter(juniper.owner)
    html = nora.get("/settings/notifications").content.decode()
    assert html.count('name="wants"') == 26
    assert html.count(" checked>") == 25, "all but the email of a failure"
    nora.post("/settings/notifications", {"wants": ["failed:email", "text:push"]})
    juniper.owner.refresh_from_db()
    assert {n for n in choices.names(juniper.owner) if n not in juniper.owner.muted} == {
        "failed:email",
        "text:push",
    }
    assert nora.get("/settings/notifications").content.decode().count(" checked>") == 2


def test_the_page_asks_the_same_for_one_browser_and_for_many(
    juniper: House, django_assert_num_queries
) -> None:
    nora = enter(juniper.owner)
    for n in range(5):
        PushSubscription.objects.create(
            user=juniper.owner.user,
            endpoint=f"https://web.push.apple.com/{n}",
            p256dh="x",
            auth="x",
            browser="Safari",
        )
    with django_assert_num_queries(SIGNED_IN + FRAME + 1):
        assert nora.get("/settings/notifications").content.decode().count("Turn off") == 5


def test_staff_choose_what_concerns_them_and_nothing_else(juniper: House) -> None:
    jules = enter(juniper.staff)
    html = jules.get("/settings/notifications").content.decode()
    assert "News of your number" not in html
    jules.post("/settings/notifications", {"wants": ["text:app", "nonsense", "number:app"]})
    juniper.staff.refresh_from_db()
    assert "number:email" not in juniper.staff.muted, "the day they become an admin, they are told"
    assert "nonsense" not in juniper.staff.muted


def test_news_of_the_number_comes_as_a_toast_and_leads_there(juniper: House) -> None:
    since = {"news": (timezone.now() - timedelta(minutes=1)).isoformat()}
    tell(
        juniper,
        kind="number",
        managers_only=True,
        title="Your number is ready",
        words="(855) 555-0142 can text now.",
        address="/settings/sms",
    )
    html = enter(juniper.owner).get("/live", since).content.decode()
    assert "<b>Your number is ready</b><br>(855) 555-0142 can text now." in html
    assert 'href="/settings/sms">See it' in html
    assert "data-toast" not in enter(juniper.staff).get("/live", since).content.decode()
    assert (
        'href="/settings/sms"><b>Your number' in enter(juniper.owner).get("/notifications").content.decode()
    )
    assert "Your number is ready" not in enter(juniper.staff).get("/notifications").content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_are_sent_to_sign_in(db: None, method: str) -> None:
    assert getattr(Browser(), method)("/settings/notifications").status_code == 302
