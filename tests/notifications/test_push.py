"""Web push on real parts: our jobs, the sandbox's push service, and keys that only the browser has."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from parley.businesses.models import Member
from parley.notifications import push_services, vapid
from parley.notifications.models import Notification, PushSubscription
from parley.notifications.push import (
    PushWaits,
    WhenAsked,
    _retry_after,
    push_news,
    push_test,
    push_to_browser,
)
from tests.notifications.conftest import Device, work
from tests.people import House

NewDevice = Callable[[], Device]


def told(house: House, **more: Any) -> Notification:
    """A notification, and its job."""
    values = {"kind": "text", "title": "Maya Okafor", "words": "Running late", "created_at": timezone.now()}
    notification = Notification.objects.create(business=house.business, **(values | more))
    push_news.defer(notification_id=str(notification.id), business_id=str(house.business.id))
    return notification


def test_news_reaches_every_browser_of_every_member_and_nobody_elses(
    juniper: House, alder: House, device: NewDevice
) -> None:
    laptop, phone, jules, stranger = device(), device(), device(), device()
    laptop.belongs_to(juniper.owner.user)
    phone.belongs_to(juniper.owner.user)
    jules.belongs_to(juniper.staff.user)
    stranger.belongs_to(alder.owner.user)
    message = juniper.text(juniper.client(), "Running late")
    told(juniper, conversation_id=message.conversation_id)
    work(juniper)
    shown = {
        "title": "Maya Okafor",
        "body": "Running late",
        "url": f"/inbox/{message.conversation_id}?in={message.business_id}",
        "tag": f"text {message.conversation_id}",
    }
    assert laptop.got() == phone.got() == jules.got() == [shown]
    assert stranger.got() == []


def test_choices_and_roles_and_assignees_hold_for_pushes(juniper: House, device: NewDevice) -> None:
    nora, jules = device(), device()
    nora.belongs_to(juniper.owner.user)
    jules.belongs_to(juniper.staff.user)
    told(juniper, title="Hers", member=juniper.owner)
    told(juniper, title="The number", kind="number", managers_only=True, address="/settings/sms")
    Member.objects.filter(pk=juniper.owner.pk).update(muted=["failed:push", "words:push"])
    told(juniper, title="Not by push", kind="failed", member=juniper.owner)
    work(juniper)
    assert [(n["title"], n["body"], n["url"]) for n in nora.got()] == [
        ("Hers", "Open Parley to read the text.", f"/notifications?in={juniper.business.pk}"),
        ("The number", "Running late", f"/settings/sms?in={juniper.business.pk}"),
    ]
    assert jules.got() == []


def test_who_left_or_turned_it_off_is_told_nothing(juniper: House, device: NewDevice) -> None:
    left, off = device(), device()
    subscription = left.belongs_to(juniper.staff.user)
    notification = told(juniper)
    juniper.staff.delete()
    ids = {"notification_id": str(notification.id), "business_id": str(juniper.business.id)}
    push_to_browser(subscription_id=str(subscription.pk), **ids)
    ended = off.belongs_to(juniper.owner.user)
    PushSubscription.objects.filter(pk=ended.pk).update(off=True)
    push_to_browser(subscription_id=str(ended.pk), **ids)
    work(juniper)
    assert left.got() == off.got() == []


def test_another_business_cannot_be_named_in_a_job(juniper: House, alder: House, device: NewDevice) -> None:
    subscription = (nora := device()).belongs_to(juniper.owner.user)
    notification = told(juniper)
    push_to_browser(
        subscription_id=str(subscription.pk),
        notification_id=str(notification.id),
        business_id=str(alder.business.id),
    )
    assert nora.got() == []


def test_a_newer_text_takes_the_place_of_one_not_yet_delivered(juniper: House, device: NewDevice) -> None:
    (phone := device()).belongs_to(juniper.owner.user)
    maya, theo = (
        juniper.text(juniper.client(phone=p), "Hi").conversation_id for p in ("+15035550118", "+15035550121")
    )
    told(juniper, words="One", conversation_id=maya)
    told(juniper, words="Two", conversation_id=theo)
    told(juniper, words="Three", conversation_id=maya)
    work(juniper)
    assert [n["body"] for n in phone.got()] == ["Two", "Three"]


@pytest.mark.parametrize("how", ["gone", "unknown"])
def test_a_dead_subscription_is_dropped(juniper: House, device: NewDevice, how: str) -> None:
    phone = device()
    if how == "gone":
        phone.world.sandbox("DELETE", f"/sandbox/push/{phone.id}")
    else:
        phone.endpoint += "x"
    phone.belongs_to(juniper.owner.user)
    told(juniper)
    work(juniper)
    assert not PushSubscription.objects.exists()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_push_service_is_asked_again_when_it_says(
    juniper: House, device: NewDevice, status: int
) -> None:
    phone = device()
    phone.world.sandbox(
        "PUT", f"/sandbox/push/{phone.id}", {"answers": [status], "headers": {"Retry-After": "120"}}
    )
    subscription = phone.belongs_to(juniper.owner.user)
    notification = told(juniper)
    job = {
        "subscription_id": str(subscription.pk),
        "notification_id": str(notification.id),
        "business_id": str(juniper.business.id),
    }
    with pytest.raises(PushWaits) as waits:
        push_to_browser(**job)
    assert waits.value.wait == 120
    decision = WhenAsked().get_retry_decision(exception=waits.value, job=SimpleNamespace(attempts=0))
    assert timedelta(seconds=118) < decision.retry_at - timezone.now() <= timedelta(seconds=120)
    assert WhenAsked().get_retry_decision(exception=waits.value, job=SimpleNamespace(attempts=7)) is None
    push_to_browser(**job)
    assert len(phone.got()) == 1


def test_a_push_service_that_cannot_be_reached_is_asked_again_and_its_address_is_told_nobody(
    juniper: House, device: NewDevice, settings: Any
) -> None:
    subscription = (phone := device()).belongs_to(juniper.owner.user)
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    PushSubscription.objects.update(
        endpoint=phone.endpoint.replace(phone.world.sandbox_url, "http://127.0.0.1:1")
    )
    notification = told(juniper)
    with pytest.raises(PushWaits, match=r"^ConnectionError$") as waits:
        push_to_browser(
            subscription_id=str(subscription.pk),
            notification_id=str(notification.id),
            business_id=str(juniper.business.id),
        )
    assert waits.value.__cause__ is None


def test_a_subscription_that_is_refused_for_good_is_given_up(juniper: House, device: NewDevice) -> None:
    phone = device()
    elsewhere = device()
    phone.world.sandbox(
        "PUT",
        f"/sandbox/push/{phone.id}",
        {"answers": [403] * 4 + [201] + [307] * 5, "headers": {"Location": elsewhere.endpoint}},
    )
    phone.belongs_to(juniper.owner.user)

    def push(times: int) -> list[int]:
        for _ in range(times):
            told(juniper)
        work_new()
        return list(PushSubscription.objects.values_list("refusals", flat=True))

    def work_new() -> None:
        for subscription in PushSubscription.objects.all():
            for notification in Notification.objects.all():
                push_to_browser(
                    subscription_id=str(subscription.pk),
                    notification_id=str(notification.id),
                    business_id=str(juniper.business.id),
                )
        Notification.objects.all().delete()

    assert push(4) == [4]
    assert push(1) == [0], "one that was taken begins the count anew"
    assert push(5) == []
    assert elsewhere.got() == [], "a redirect is not followed"


@pytest.mark.parametrize(
    ("endpoint", "fine"),
    [
        ("https://fcm.googleapis.com/fcm/send/abc", True),
        ("https://updates.push.services.mozilla.com/wpush/v2/abc", True),
        ("https://web.push.apple.com/abc", True),
        ("https://wns2-par02p.notify.windows.com/w/?token=abc", True),
        ("https://fcm.googleapis.com:443/x", True),
        ("http://fcm.googleapis.com/x", False),
        ("https://fcm.googleapis.com:8080/x", False),
        ("https://fcm.googleapis.com.evil.example/x", False),
        ("https://evil-push.apple.com.example/x", False),
        ("https://push.apple.com/x", False),
        ("https://evilpush.apple.com/x", False),
        ("https://user@web.push.apple.com/x", False),
        ("https://evil.example\\@web.push.apple.com/x", False),
        ("https://127.0.0.1/x", False),
        ("https://169.254.169.254/latest/meta-data", False),
        ("http://127.0.0.1:8001/push/x", False),
        ("https://[::1", False),
        ("https://web.push.apple.com:x/", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_we_push_only_to_push_services(endpoint: str, fine: bool, settings: Any) -> None:
    settings.SANDBOX_URL = None
    assert push_services.known(endpoint) is fine


def test_the_sandbox_is_one_where_it_is_set_up(settings: Any) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:8001"
    assert push_services.known("http://127.0.0.1:8001/push/x")
    assert not push_services.known("http://127.0.0.1:8001/sandbox/world")
    assert not push_services.known("http://127.0.0.1:80011/push/x")


def test_the_key_is_the_same_on_every_machine_and_follows_the_secret(settings: Any) -> None:
    here = vapid.public_key()
    elsewhere = subprocess.run(
        [
            sys.executable,
            "-c",
            "from parley.notifications import vapid; print(vapid.public_key())",
        ],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "parley.config.settings"},
    )
    assert elsewhere.stdout.strip() == here
    point = base64.urlsafe_b64decode(here + "=")
    assert (len(point), point[0]) == (65, 4)
    settings.SECRET_KEY = "another secret that is long enough too"
    assert vapid.public_key() != here
    # Pinned: another derivation would silently end every subscription there is.
    settings.SECRET_KEY = "only for this test, and never changed"
    assert vapid.public_key().startswith("BOM0H5V5nm291S7_HfRU9c_AJHFFlstdp6CZ")


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120), ("", 0), ("soon", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)]
)
def test_retry_after_is_read(header: str, seconds: float) -> None:
    assert _retry_after(header) == seconds


# ---- The browsers of a user


def enter(member: Member, agent: str = "") -> Browser:
    browser = Browser(headers={"user-agent": agent})
    browser.force_login(member.user)
    return browser


ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36"
)


def test_a_browser_is_allowed_listed_tested_and_turned_off(juniper: House, device: NewDevice) -> None:
    phone = device()
    nora = enter(juniper.owner, ANDROID)
    given = {"endpoint": phone.endpoint} | phone.keys
    assert nora.post("/settings/notifications/browsers", given).status_code == 204
    html = nora.get("/settings/notifications").content.decode()
    assert "Chrome on Android" in html
    assert "This browser, since " in html
    assert nora.post("/settings/notifications/test", {"endpoint": phone.endpoint}).status_code == 204
    push_test(subscription_id=str(PushSubscription.objects.get().pk))
    assert [n["title"] for n in phone.got()] == ["Notifications work here"]
    assert (
        enter(juniper.staff).post("/settings/notifications/test", {"endpoint": phone.endpoint}).status_code
        == 404
    )
    subscription = PushSubscription.objects.get()
    off = f"/settings/notifications/browsers/{subscription.pk}/off"
    assert enter(juniper.staff).post(off).status_code == 404
    assert nora.post(off).status_code == 302
    assert not PushSubscription.objects.exists()


def test_what_was_turned_off_from_elsewhere_stays_off(juniper: House, device: NewDevice) -> None:
    phone = device()
    subscription = phone.belongs_to(juniper.owner.user)
    laptop, pocket = enter(juniper.owner), enter(juniper.owner)
    laptop.post(f"/settings/notifications/browsers/{subscription.pk}/off")
    assert "Chrome on Linux" not in laptop.get("/settings/notifications").content.decode()
    told(juniper)
    work(juniper)
    assert phone.got() == []
    given = {"endpoint": phone.endpoint} | phone.keys
    assert pocket.post("/settings/notifications/browsers", given | {"again": "1"}).status_code == 410
    assert not PushSubscription.objects.exists()
    assert pocket.post("/settings/notifications/browsers", given).status_code == 204, "pressed again"


def test_a_browser_is_its_last_users_and_forgotten_when_they_sign_out(
    juniper: House, device: NewDevice
) -> None:
    phone = device()
    given = {"endpoint": phone.endpoint} | phone.keys
    nora, jules = enter(juniper.owner), enter(juniper.staff)
    nora.post("/settings/notifications/browsers", given)
    jules.post("/settings/notifications/browsers", given)
    assert PushSubscription.objects.get().user == juniper.staff.user
    nora.post(reverse("account_logout"))
    assert PushSubscription.objects.exists(), "it is not hers any more"
    jules.post(reverse("account_logout"))
    assert not PushSubscription.objects.exists()


def test_a_service_worker_brings_the_new_endpoint_for_the_old_one(juniper: House, device: NewDevice) -> None:
    old, new = device(), device()
    old.belongs_to(juniper.owner.user)
    given = {"endpoint": new.endpoint} | new.keys
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(juniper.owner.user)
    renew = "/settings/notifications/browsers/renew"
    assert strict.post("/settings/notifications/browsers", given).status_code == 403
    assert strict.post(renew, given | {"old": "https://guess.example/"}).status_code == 404
    assert enter(juniper.staff).post(renew, given | {"old": old.endpoint}).status_code == 404
    assert strict.post(renew, given | {"old": old.endpoint}).status_code == 204
    assert PushSubscription.objects.get().endpoint == new.endpoint


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "https://evil.example/x"},
        {"endpoint": "https://web.push.apple.com/" + 1000 * "x"},
        {"p256dh": "AAAA"},
        {"p256dh": "é"},
        {"p256dh": "BA" + 85 * "A"},
        {"auth": "AAAA"},
        {"auth": ""},
    ],
)
def test_what_is_no_subscription_is_refused(juniper: House, device: NewDevice, wrong: dict[str, str]) -> None:
    phone = device()
    given = {"endpoint": phone.endpoint} | phone.keys | wrong
    answer = enter(juniper.owner).post("/settings/notifications/browsers", given)
    assert answer.status_code == 422
    assert answer.json()["words"].startswith("This browser’s")
    assert not PushSubscription.objects.exists()
