"""Parley as an app on a device: pushes end to end, words kept offline, and what makes it installable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from parley.notifications.models import PushSubscription
from tests.browser import LOOKS, Visit, assert_accessible
from tests.notifications.conftest import Device
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.browser

MAYA = "+15035550118"

# Chromium has no push service here: the sandbox stands in for the browser maker's, with keys that are real.
SUBSCRIBE = """(kept) => {
  const made = {
    endpoint: kept.endpoint, options: {}, unsubscribe: async () => { sessionStorage.removeItem("stub"); return true; },
    toJSON: () => ({ endpoint: kept.endpoint, keys: kept.keys }),
  };
  PushManager.prototype.subscribe = async function (options) {
    if (!options.userVisibleOnly || options.applicationServerKey.length !== 65) throw new Error("no such key");
    sessionStorage.setItem("stub", "yes");
    return made;
  };
  PushManager.prototype.getSubscription = async () => (sessionStorage.getItem("stub") ? made : null);
}"""


def settled(page: Page) -> Page:
    """Its service worker has taken charge, and is done with getting ready: before that it may miss a push."""
    until(
        lambda: page.evaluate("navigator.serviceWorker.controller?.state === 'activated'"),
        what="the service worker",
    )
    return page


class Delivery:
    """What a push service does at its end: it hands what came to the service worker."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.cdp = page.context.new_cdp_session(page)
        self.seen: list[dict[str, Any]] = []
        self.cdp.on("ServiceWorker.workerRegistrationUpdated", lambda e: self.seen.extend(e["registrations"]))
        self.cdp.send("ServiceWorker.enable")
        until(lambda: page.evaluate("1") and self.seen, what="the registration")

    def deliver(self, payload: dict[str, Any]) -> None:
        self.cdp.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": self.origin,
                "registrationId": [one for one in self.seen if not one["isDeleted"]][-1]["registrationId"],
                "data": json.dumps(payload),
            },
        )

    def shown(self) -> list[dict[str, Any]]:
        return self.page.evaluate(
            """async () => {
              const all = await (await navigator.serviceWorker.ready).getNotifications();
              return all.map(({ title, body, tag, data, icon }) => ({ title, body, tag, data, icon }));
            }"""
        )


def test_a_text_becomes_a_notification_of_a_browser_that_was_allowed(
    web: World, visit: Visit, juniper: House
) -> None:
    web.start("sandbox", "texts", "jobs")
    web.add_number(juniper.number.number)
    page = settled(visit("/settings/notifications", juniper.owner.user, permissions=["notifications"]))
    device = Device(web)
    page.context.add_init_script(
        f"({SUBSCRIBE})({json.dumps({'endpoint': device.endpoint, 'keys': device.keys})})"
    )
    page.reload()
    page.get_by_role("button", name="Allow notifications in this browser").click()
    expect(page.get_by_text("Allowed. You’re told here")).to_be_visible()
    expect(page.get_by_role("list", name="Browsers that you allowed")).to_contain_text("This browser, since")
    assert PushSubscription.objects.get().user == juniper.owner.user

    web.texts_from(MAYA, juniper.number.number, "Running about 10 min late 🙈")
    [push] = until(device.got, what="the push")
    conversation = juniper.business.conversations.get()
    assert push == {
        "title": "(503) 555-0118",
        "body": "Running about 10 min late 🙈",
        "url": f"/inbox/{conversation.id}?in={juniper.business.pk}",
        "tag": f"text {conversation.id}",
    }
    service = Delivery(page, web.url)
    service.deliver(push)
    [shown] = until(service.shown, what="the notification")
    assert (shown["title"], shown["body"]) == (push["title"], push["body"])
    assert (shown["tag"], shown["data"]) == (push["tag"], {"url": push["url"]})
    assert shown["icon"].endswith("/static/ui/icon-192.png")
    service.deliver(push | {"body": "Here now"})
    until(lambda: [n["body"] for n in service.shown()] == ["Here now"], what="the newer one in its place")

    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("button", name="Allow notifications in this browser")).to_be_visible()
    assert not PushSubscription.objects.exists()


def test_a_notification_opens_its_conversation_and_leaves_with_it(
    visit: Visit, web: World, juniper: House
) -> None:
    maya, theo = juniper.client(), juniper.client("Theo", "Lind", "+15035550121")
    hers, his = (juniper.text(one, "Hi").conversation_id for one in (maya, theo))

    def of(conversation: object, body: str) -> dict[str, str]:
        address, tag = f"/inbox/{conversation}", f"text {conversation}"
        return {"title": "Somebody", "body": body, "url": address, "tag": tag}

    page = settled(visit("/clients", juniper.owner.user, permissions=["notifications"]))
    service = Delivery(page, web.url)
    service.deliver(of(hers, "Hi"))
    until(service.shown, what="the notification")
    # Only a person's own click may raise a window, and there is nobody here to click outside of the page.
    page.context.service_workers[0].evaluate(
        """async () => {
          WindowClient.prototype.focus = async function () { return this; };
          const [notification] = await registration.getNotifications();
          dispatchEvent(new NotificationEvent("notificationclick", { notification }));
        }"""
    )
    expect(page.locator("#thread-title")).to_have_text("Maya Okafor")
    assert page.url == f"{web.url}/inbox/{hers}"
    assert service.shown() == []

    service.deliver(of(hers, "On the screen already"))
    service.deliver(of(his, "Elsewhere"))
    until(service.shown, what="the other one")
    assert [n["body"] for n in service.shown()] == ["Elsewhere"]
    page.locator(f"#row-{his}").click()
    until(lambda: service.shown() == [], what="it gone, for it has been read")


def test_offline_the_words_are_there_until_their_author_signs_out(visit: Visit, juniper: House) -> None:
    maya, theo = juniper.client(), juniper.client("Theo", "Lind", "+15035550121")
    one, two = juniper.text(maya, "Hello"), juniper.text(theo, "Hi")
    page = settled(visit(f"/inbox/{two.conversation_id}", juniper.owner.user))
    page.locator("#composer textarea").fill("For Theo, half writ")
    page.goto(f"/inbox/{one.conversation_id}")
    expect(page.locator("#composer textarea")).to_be_editable()
    page.evaluate("localStorage.setItem('parley draft somebody-else x', JSON.stringify({body: 'Not yours'}))")
    page.context.set_offline(True)
    page.locator("#composer textarea").fill("Sent in a tunnel")
    page.get_by_role("button", name="Send text").click()
    page.reload()
    expect(page.get_by_role("heading", name="You’re offline")).to_be_visible()
    unsent = page.locator("#unsent li")
    expect(unsent).to_have_count(2)
    expect(unsent.filter(has_text="To Maya Okafor")).to_contain_text("Sent in a tunnel")
    expect(unsent.filter(has_text="To Theo Lind")).to_contain_text("For Theo, half writ")
    expect(page.get_by_text("Not yours")).to_have_count(0)
    assert_accessible(page)
    page.get_by_label("Your message to Maya Okafor").fill("And more")
    page.reload()
    expect(page.get_by_label("Your message to Maya Okafor")).to_have_value("And more")
    page.context.set_offline(False)
    expect(page.locator("#composer textarea")).to_have_value("And more")
    expect(page.locator(".message[data-from=us]", has_text="Sent in a tunnel")).to_be_visible()
    expect(page.locator("#pending .message")).to_have_count(0)
    page.goto("/clients")
    page.context.set_offline(True)
    page.goto("/clients")
    expect(page.get_by_role("heading", name="You’re offline")).to_be_visible()
    expect(page.get_by_text("Theo Lind")).to_have_count(1)  # of the draft; the page itself was not kept
    page.context.set_offline(False)
    expect(page.locator("body[data-connected]")).to_be_attached()
    page.get_by_role("button", name="Nora Kim").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/sign-in/**")
    left = page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('parley '))")
    assert left == []


def test_it_can_be_installed(visit: Visit, web: World, juniper: House) -> None:
    page = settled(visit("/inbox", juniper.owner.user))
    cdp = page.context.new_cdp_session(page)
    manifest = cdp.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"] == f"{web.url}/static/ui/manifest.webmanifest"
    # In a private window nothing can be installed; it is the only thing that Chromium has against it.
    against = cdp.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [one["errorId"] for one in against] in ([], ["in-incognito"])
    answer = page.request.get(manifest["url"])
    assert answer.headers["content-type"].startswith("application/manifest+json")
    said = answer.json()
    for icon in said["icons"]:
        size = page.evaluate(
            """async (src) => {
              const image = Object.assign(new Image(), { src });
              await image.decode();
              return `${image.naturalWidth}x${image.naturalHeight}`;
            }""",
            f"/static/ui/{icon['src']}",
        )
        assert icon["sizes"] in (size, "any"), icon
    for shortcut in said["shortcuts"]:
        assert page.request.get(shortcut["url"]).ok
    worker = page.request.get("/sw.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["cache-control"] == "no-cache"


def test_the_page_of_choices_is_accessible_in_every_look(visit: Visit, juniper: House) -> None:
    PushSubscription.objects.create(
        user=juniper.owner.user,
        endpoint="https://web.push.apple.com/a",
        p256dh="x",
        auth="x",
        browser="Safari on iPhone",
    )
    for size, theme in LOOKS:
        page = visit("/settings/notifications", juniper.owner.user, size=size, theme=theme)
        said = page.get_by_text("Be told of new texts here").or_(page.get_by_text("This browser blocks"))
        expect(said).to_be_visible()
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
