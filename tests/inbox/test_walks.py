"""The Inbox as people walk through it, each in a browser of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from parley import sandbox
from parley.businesses.models import Business
from parley.clients.models import Client
from parley.live.nudges import nudge
from parley.messaging.media_types import sniff
from parley.messaging.models import Attachment, Conversation, Message
from parley.notifications.models import Notification
from tests.browser import LOOKS, Visit, assert_accessible
from tests.inbox.conftest import crowd
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.browser

PHOTO = (Path(sandbox.__file__).parent / "static" / "photo.png").read_bytes()


def arrives(house: House, client: Client, body: str, **more: Any) -> Message:
    """A text comes in as `receiving` writes it: message, conversation, notification, nudge."""
    message = house.text(client, body, minutes_ago=0, **more)
    Notification.objects.create(
        business=house.business,
        kind="text",
        title=client.name,
        words=body,
        conversation_id=message.conversation_id,
        initials=client.initials,
        tint=client.tint,
        created_at=timezone.now(),
    )
    nudge(house.business.id, [message.conversation_id], news=True)
    return message


def is_fetched(attachment: Attachment, content: bytes) -> None:
    """The carrier has given what came along, as `attachments` writes it down."""
    message = attachment.message
    Attachment.objects.filter(pk=attachment.pk).update(
        state="kept", content=content, content_type=sniff(content)
    )
    becomes(message, message.state)


def becomes(message: Message, state: str, reason: str = "") -> None:
    """A receipt changes a message."""
    Message.objects.filter(pk=message.pk).update(state=state, reason=reason, changed_at=timezone.now())
    nudge(message.business_id, [message.conversation_id])


def connected(page: Page) -> Page:
    """Wait until the page has its line: from then on it hears of everything."""
    page.locator("body[data-connected]").wait_for(state="attached")
    return page


LIVE = "import(document.querySelector('script[src*=\"ui/live.\"]').src)"
# It asks once more, and has no question left.
ALL_IS_SHOWN = f"async () => (await {LIVE}).refresh()"
COUNT_CHANGES = "() => { window.heard = 0; document.addEventListener('parley:change', () => heard++); }"


def bubble(page: Page, words: str) -> Any:
    return page.locator("#messages .bubble", has_text=words)


def write(page: Page, words: str) -> None:
    page.locator("#composer textarea").fill(words)


def test_a_text_appears_everywhere_without_reloading(visit: Visit, juniper: House) -> None:
    maya, theo = juniper.client(), juniper.client("Theo", "Lind", "+15035550121")
    old = juniper.text(maya, "Hello", inbound=False, minutes_ago=30)
    juniper.text(theo, "Thanks", inbound=False, minutes_ago=20)
    nora = connected(visit(f"/inbox/{old.conversation_id}", juniper.owner.user))
    jules = connected(visit("/inbox", juniper.staff.user))
    phone = connected(visit("/clients", juniper.staff.user, size="phone"))
    write(nora, "half a sen")
    message = arrives(juniper, maya, "Running late")

    expect(bubble(nora, "Running late")).to_be_visible()
    expect(nora.locator("#composer textarea")).to_have_value("half a sen")
    expect(nora.locator(".toast")).to_have_count(0)
    waiting = jules.locator("[data-part=waiting] .conversation")
    expect(waiting).to_have_count(1)
    expect(waiting).to_contain_text("Running late")
    expect(jules.locator("#filters")).to_contain_text("Open 2")
    expect(jules.locator(".rail [data-waiting]")).to_have_text("1")
    expect(jules).to_have_title("(1) Inbox · Parley")
    expect(jules.locator(".toast")).to_contain_text("Maya Okafor")
    expect(phone.locator(".tabbar [data-waiting]")).to_have_text("1")
    expect(phone.locator(".toast")).to_contain_text("Running late")

    # Nora's page is open and seen: the text is read, and everybody sees that it is.
    until(lambda: Conversation.objects.get(pk=message.conversation_id).unread == 0)
    expect(waiting.locator(".count")).to_have_count(0)
    jules.get_by_role("link", name="Reply").click()
    expect(jules).to_have_url(nora.url)


def test_what_comes_before_the_scripts_do_is_shown(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    juniper.text(maya, "Hello")
    # Its own line has been asked for: the next one is the Inbox's.
    page = connected(visit("/clients", juniper.owner.user, early=True))
    held: list[Route] = []
    asked: list[str] = []
    page.route("**/ui/inbox.*js", lambda route: held.append(route))
    page.on("request", lambda request: asked.append("line") if request.url.endswith("/events") else None)
    page.goto(page.url.replace("/clients", "/inbox"), wait_until="commit")
    expect(page.locator("a.conversation")).to_contain_text("Hello")
    arrives(juniper, maya, "Running late")
    # All that hears of it is there, but for what shows it.
    page.evaluate(f"() => {LIVE}.then(() => null)")
    until(lambda: page.evaluate("1") and held, what="the script asked for")
    asked.append("inbox")
    for route in held:
        route.continue_()
    expect(page.locator("a.conversation")).to_contain_text("Running late")
    assert asked[:2] == ["inbox", "line"]


def test_what_is_sent_follows_its_receipts_in_place(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    old = juniper.text(maya, "Hello")
    page = connected(visit(f"/inbox/{old.conversation_id}", juniper.owner.user))
    expect(page.get_by_role("button", name="Send text")).to_be_disabled()
    write(page, "See you at 2:45 🙂")
    expect(page.locator("#segments")).to_contain_text("1 segment")
    expect(page.locator("#costly")).to_contain_text("🙂 makes a segment hold 70 characters, not 160.")
    page.keyboard.press("Control+Enter")
    expect(bubble(page, "See you at 2:45")).to_be_visible()
    expect(page.locator("#composer textarea")).to_have_value("")
    expect(page.locator("#pending > *")).to_have_count(0)
    message = Message.objects.get(direction="out")
    receipt = page.locator(f"#m-{message.id} .receipt")
    expect(receipt).to_contain_text("Waiting to send")
    for state, words in (("sending", "Sending"), ("accepted", "Sent"), ("delivered", "Delivered")):
        becomes(message, state)
        expect(receipt).to_contain_text(words)
    becomes(message, "failed", "It is a landline.")
    expect(page.get_by_role("alert").filter(has_text="Not delivered. It is a landline.")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(bubble(page, "See you at 2:45")).to_have_count(2)
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    assert Message.objects.filter(direction="out").count() == 2


def test_a_photo_comes_to_where_its_place_was_kept(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    old = juniper.text(maya, "Hello")
    page = connected(visit(f"/inbox/{old.conversation_id}", juniper.owner.user))
    message = juniper.text(maya, "", minutes_ago=0)
    photo, card = juniper.attach(message), juniper.attach(message)
    nudge(juniper.business.id, [message.conversation_id])
    expect(bubble(page, "Photo is on its way…")).to_have_count(2)
    is_fetched(photo, PHOTO)
    expect(page.get_by_role("img", name="Photo from Maya")).to_be_in_viewport()
    expect(bubble(page, "Photo is on its way…")).to_have_count(1)
    is_fetched(card, b"BEGIN:VCARD\r\nEND:VCARD\r\n")
    with page.expect_download() as download:
        page.get_by_role("link", name="Contact card (download)").click()
    assert download.value.suggested_filename.endswith(".vcf")


def test_offline_words_wait_and_are_sent_once(visit: Visit, juniper: House, web: World) -> None:
    maya = juniper.client()
    old = juniper.text(maya, "Hello")
    page = connected(visit(f"/inbox/{old.conversation_id}", juniper.owner.user))
    expect(page.locator(".conversation .count")).to_have_count(0)  # read, and the nudge of that is in
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    write(page, "Written in a tunnel")
    page.get_by_role("button", name="Send text").click()
    pending = page.locator("#pending .message")
    expect(pending).to_contain_text("Written in a tunnel")
    expect(pending).to_contain_text("Waiting to send")
    arrives(juniper, maya, "Came meanwhile")
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    expect(bubble(page, "Came meanwhile")).to_be_visible()
    expect(bubble(page, "Written in a tunnel")).to_be_visible()
    expect(pending).to_have_count(0)
    assert Message.objects.filter(direction="out").count() == 1


def test_an_answer_that_was_lost_makes_no_second_message(visit: Visit, juniper: House) -> None:
    old = juniper.text(juniper.client(), "Hello")
    page = connected(visit(f"/inbox/{old.conversation_id}", juniper.owner.user))
    calls = []

    def lose_the_first_answer(route: Route) -> None:
        calls.append(1)
        if len(calls) > 1:
            return route.continue_()
        route.fetch()
        return route.abort()

    page.route("**/send", lose_the_first_answer)
    write(page, "Just once")
    page.get_by_role("button", name="Send text").click()
    expect(page.locator("#pending .message")).to_have_count(0)
    expect(bubble(page, "Just once")).to_have_count(1)
    # It is kept until an answer comes, though the thread shows it by then.
    kept = "Object.keys(localStorage).some((key) => key.startsWith('parley outbox'))"
    until(lambda: not page.evaluate(kept), what="the second answer")
    assert len(calls) == 2
    assert Message.objects.filter(direction="out").count() == 1


def test_a_reload_keeps_the_draft_and_what_waits(visit: Visit, juniper: House) -> None:
    one = juniper.text(juniper.client(), "Hello")
    two = juniper.text(juniper.client("Theo", "Lind", "+15035550121"), "Hi")
    page = connected(visit(f"/inbox/{one.conversation_id}", juniper.owner.user))
    page.route("**/send", lambda route: route.abort())
    write(page, "Not yet gone")
    page.get_by_role("button", name="Send text").click()
    write(page, "A draft")
    page.reload()
    expect(page.locator("#pending .message")).to_contain_text("Not yet gone")
    expect(page.locator("#composer textarea")).to_have_value("A draft")
    page.locator(f"#row-{two.conversation_id}").click()
    expect(page.locator("#thread-title")).to_have_text("Theo Lind")
    expect(page.locator("#composer textarea")).to_have_value("")
    page.unroute("**/send")
    page.locator(f"#row-{one.conversation_id}").click()
    expect(bubble(page, "Not yet gone")).to_be_visible()
    expect(page.locator("#composer textarea")).to_have_value("A draft")
    assert Message.objects.filter(direction="out").count() == 1


def test_a_refusal_brings_the_words_back(visit: Visit, juniper: House) -> None:
    maya = juniper.client(email="maya@example.com")
    old = juniper.text(maya, "Hello")
    page = connected(visit(f"/inbox/{old.conversation_id}", juniper.owner.user))
    write(page, "x" * 1605)
    expect(page.locator("#composer-problem")).to_contain_text("5 more than the 1,600 a text can hold")
    expect(page.get_by_role("button", name="Send text")).to_be_disabled()
    write(page, "Hi again")
    expect(page.locator("#composer-problem")).to_be_hidden()
    Client.objects.update(texting="stopped")  # and the page has not heard of it
    page.get_by_role("button", name="Send text").click()
    # At its field, or above it if the page has heard of it by now.
    expect(page.locator(".composer")).to_contain_text("Maya asked you to stop texting")
    expect(page.locator("#composer textarea")).to_have_value("Hi again")
    nudge(juniper.business.id, [old.conversation_id])
    expect(page.locator("#can-send")).to_contain_text("asked you to stop texting")
    expect(page.get_by_role("radio", name="SMS")).to_be_disabled()
    page.locator(".via-switch").get_by_text("Email").click()
    page.get_by_role("button", name="Send email").click()
    expect(page.locator("#composer-problem")).to_contain_text("Write a subject")
    expect(page.get_by_label("Subject")).to_be_focused()
    page.get_by_label("Subject").fill("Hello")
    page.get_by_role("button", name="Send email").click()
    expect(page.locator(".message[data-kind=email]")).to_contain_text("Hi again")


def test_search_assign_close_and_undo(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    old = juniper.text(maya, "Where is the parking?", minutes_ago=100)
    for n in range(60):
        juniper.text(maya, f"Later {n}", inbound=False, minutes_ago=90 - n)
    juniper.text(juniper.client("Theo", "Lind", "+15035550121"), "Thanks", inbound=False)
    page = connected(visit("/inbox", juniper.owner.user))
    page.get_by_label("Search conversations").press_sequentially("parki")
    row = page.locator(".conversation")
    expect(row).to_have_count(1)
    expect(row.locator("mark")).to_have_text("parki")
    row.click()
    expect(page.locator("#thread-title")).to_have_text("Maya Okafor")
    expect(page.locator("#composer textarea")).to_be_focused()
    expect(page.locator(f"#m-{old.id}")).to_be_in_viewport()
    expect(page.locator("[data-found]:not(#thread)")).to_have_attribute("id", f"m-{old.id}")
    arrives(juniper, maya, "While one reads")
    expect(bubble(page, "While one reads")).to_be_attached()
    expect(page.locator(f"#m-{old.id}")).to_be_in_viewport()
    page.reload()
    expect(page.locator(f"#m-{old.id}")).to_be_in_viewport()
    page = connected(page)
    page.get_by_label("Search conversations").fill("")
    expect(row).to_have_count(2)
    page.locator(".assignee").click()
    page.get_by_role("menuitemradio", name="Jules Martin").click()
    expect(page.locator(".assignee")).to_contain_text("Jules")
    expect(page.locator("#row-" + str(old.conversation_id) + " .avatar[data-team]")).to_have_count(1)
    page.get_by_role("button", name="Close conversation").click()
    expect(page.locator(".toast")).to_contain_text("Conversation closed")
    expect(row).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_have_count(2)
    expect(page.locator(".toast")).to_have_count(0)
    expect(page.get_by_role("button", name="Close conversation")).to_be_visible()


def test_back_and_forth_in_the_history(visit: Visit, juniper: House) -> None:
    one = juniper.text(juniper.client(), "One")
    two = juniper.text(juniper.client("Theo", "Lind", "+15035550121"), "Two")
    page = connected(visit("/inbox", juniper.owner.user))
    page.locator(f"#row-{one.conversation_id}").click()
    expect(bubble(page, "One")).to_be_visible()
    page.locator(f"#row-{two.conversation_id}").click()
    expect(bubble(page, "Two")).to_be_visible()
    page.go_back()
    expect(page.locator("#thread-title")).to_have_text("Maya Okafor")
    expect(page.locator(f"#row-{one.conversation_id}")).to_have_attribute("aria-current", "true")
    arrives(juniper, Client.objects.get(first_name="Maya"), "Still live")
    expect(bubble(page, "Still live")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Pick a conversation")).to_be_visible()

    # A session that has ended leads to the door and back to what was tapped; what was written is kept.
    page.go_forward()
    expect(page.locator("#thread-title")).to_have_text("Maya Okafor")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.locator("#composer textarea").fill("Written before")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".toast").get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.locator("#pending")).to_contain_text("Written before")
    page.locator(f"#row-{two.conversation_id}").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.url.endswith(f"?next=/inbox/{two.conversation_id}")


def test_the_reader_is_not_moved(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    for n in range(130):
        last = juniper.text(maya, f"Text {n}", inbound=n % 2 == 0, minutes_ago=400 - n)
    page = connected(visit(f"/inbox/{last.conversation_id}", juniper.owner.user))
    log = page.locator(".thread-log")
    expect(bubble(page, "Text 129")).to_be_in_viewport()
    arrives(juniper, maya, "At the end")
    expect(bubble(page, "At the end")).to_be_in_viewport()
    log.evaluate("log => log.scrollTop = 900")
    top = log.evaluate("log => log.scrollTop")
    arrives(juniper, maya, "Further down")
    expect(bubble(page, "Further down")).to_be_attached()
    assert abs(log.evaluate("log => log.scrollTop") - top) < 2
    shown = page.locator("#messages .message").first
    expect(shown).to_contain_text("Text 80")
    log.evaluate("log => log.scrollTop = 0")
    expect(page.locator("#messages .message")).to_have_count(102)
    expect(bubble(page, "Text 80")).to_be_in_viewport()
    days = page.locator("#messages .day").evaluate_all("all => all.map(d => d.id)")
    assert len(days) == len(set(days))


def test_a_long_list_loads_as_one_scrolls(visit: Visit, juniper: House) -> None:
    crowd(juniper, 100)
    page = connected(visit("/inbox", juniper.owner.user))
    rows = page.locator(".conversation")
    seen = rows.count()
    assert seen < 100
    while seen < 100:
        page.locator("#conversations").evaluate("list => list.scrollTop = list.scrollHeight")
        expect(rows.nth(seen)).to_be_attached()
        seen = rows.count()
    keys = rows.evaluate_all("all => all.map(r => r.id)")
    assert len(set(keys)) == 100
    arrives(juniper, Client.objects.get(last_name="Number90"), "Me first")
    expect(rows.first).to_contain_text("Me first")
    expect(rows).to_have_count(100)


def test_the_line_is_lost_and_found_again(visit: Visit, juniper: House, web: World) -> None:
    maya = juniper.client()
    old = juniper.text(maya, "Hello")
    page = connected(visit(f"/inbox/{old.conversation_id}", juniper.owner.user))
    web.stop("web")
    expect(page.locator("#offline")).to_be_visible()
    arrives(juniper, maya, "While you were away")
    web.start("web")
    expect(bubble(page, "While you were away")).to_be_visible(timeout=30_000)
    expect(page.locator("#offline")).to_be_hidden()


def test_tabs_share_one_line(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    old = juniper.text(maya, "Hello")
    first = connected(visit(f"/inbox/{old.conversation_id}", juniper.owner.user))
    lines = []
    second = first.context.new_page()
    second.on("request", lambda request: request.url.endswith("/events") and lines.append(request))
    second.goto("/inbox")
    connected(second)
    arrives(juniper, maya, "To both")
    expect(bubble(first, "To both")).to_be_visible()
    expect(second.locator(".conversation")).to_contain_text("To both")
    assert lines == []
    first.close()
    until(lambda: second.evaluate("1") and lines)
    arrives(juniper, maya, "To the one that is left")
    expect(second.locator(".conversation")).to_contain_text("To the one that is left")


def test_on_a_phone_one_pane_at_a_time(visit: Visit, juniper: House) -> None:
    Business.objects.filter(pk=juniper.business.pk).update(mode=Business.Mode.CALLS)
    message = juniper.text(juniper.client("Alexandra", "Montgomery-Li"), "Hello")
    page = connected(visit("/inbox", juniper.owner.user, size="phone"))
    assert Conversation.objects.get().unread == 1
    page.locator(".conversation").click()
    expect(bubble(page, "Hello")).to_be_visible()
    expect(page.locator(".tabbar")).to_be_hidden()
    expect(page.locator("#thread-title")).to_have_attribute("aria-level", "1")
    expect(page.get_by_role("link", name="Call Alexandra")).to_be_visible()
    assert page.locator("#thread-title").evaluate("title => title.scrollWidth <= title.clientWidth")
    until(lambda: Conversation.objects.get().unread == 0)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitemradio", name="Jules Martin").click()
    until(lambda: Conversation.objects.get().assignee == juniper.staff)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Client details").click()
    expect(page.locator("#client-summary")).to_be_visible()
    page.get_by_role("button", name="Back to conversation").click()
    expect(page.locator("#composer")).to_be_visible()
    page.get_by_role("link", name="Back to inbox").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Inbox")
    expect(page.locator(".tabbar")).to_be_visible()
    page.go_back()
    expect(bubble(page, "Hello")).to_be_visible()
    page.reload()
    expect(bubble(page, "Hello")).to_be_visible()
    assert str(message.conversation_id) in page.url


def test_the_bell_opens_its_panel_and_reads(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    juniper.text(maya, "Hello", inbound=False)
    page = connected(visit("/clients", juniper.owner.user))
    message = arrives(juniper, maya, "News")
    bell = page.locator(".rail [data-bell]")
    expect(bell).to_contain_text("1 new")
    bell.click()
    panel = page.locator("#bell-panel")
    expect(panel).to_contain_text("Maya Okafor texted")
    assert_accessible(page)
    panel.get_by_role("button", name="Mark all read").click()
    expect(panel.locator(".dot")).to_have_count(0)
    expect(bell).not_to_contain_text("new")
    panel.get_by_role("link", name="Maya Okafor").click()
    expect(page).to_have_url(f"{page.url.split('/inbox')[0]}/inbox/{message.conversation_id}")


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_anybody_can_use_it(visit: Visit, juniper: House, size: str, theme: str) -> None:
    page = visit("/inbox", juniper.owner.user, size=size, theme=theme)
    expect(page.get_by_text("Everyone has an answer")).to_be_visible()
    if size == "desk":
        expect(page.locator("#thread").get_by_role("link", name="Send Message")).to_be_visible()
    assert_accessible(page)
    maya = juniper.client(
        "Maya" * 14, "O" * 60, email=f"{'long' * 12}@example.com", good_to_know="Mild toner."
    )
    juniper.text(maya, "W" * 300)
    pictures = juniper.text(maya, "Look")
    juniper.attach(pictures, PHOTO)
    juniper.attach(pictures)
    juniper.attach(pictures, state="failed", reason="The picture could not be fetched.")
    juniper.attach(pictures, b"BEGIN:VCARD\r\nEND:VCARD\r\n")
    juniper.text(maya, "Booked", inbound=False, kind="transactional", title="Booking confirmation")
    juniper.text(maya, "Dear Maya", inbound=False, channel="email", subject="Prices")
    for state in ("queued", "unknown", "sent", "delivered", "failed", "unconfirmed"):
        message = juniper.text(
            maya, f"See https://a.example {state}", inbound=False, state=state, subject="Own"
        )
    stopped = juniper.client("Aisha", "Farah", "+15035550199", texting="stopped")
    stop = juniper.text(stopped, "STOP")
    page.goto("/inbox")
    assert_accessible(page)
    page.goto(f"/inbox/{message.conversation_id}")
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if size == "desk":
        page.locator(".assignee").click()
        assert_accessible(page)
        page.keyboard.press("Escape")
        expect(page.locator(".assignee")).to_be_focused()
    else:
        page.get_by_role("button", name="More").click()
        assert_accessible(page)
        page.get_by_role("menuitem", name="Client details").click()
        assert_accessible(page)
    for address in (
        f"/inbox/{stop.conversation_id}",
        "/inbox?q=see",
        "/inbox?show=closed",
        "/notifications",
        "/nowhere",
    ):
        page.goto(address)
        assert_accessible(page)


def test_a_nudge_is_one_question_and_a_burst_is_few(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    crowd(juniper, 40)
    old = juniper.text(maya, "Hello", inbound=False)
    page = connected(visit("/inbox", juniper.owner.user))
    expect(page.locator("#now")).to_be_attached()
    asked: list[str] = []
    page.on("request", lambda request: "/live?" in request.url and asked.append(request.url))
    row = page.locator(f"#row-{old.conversation_id}")
    for n in range(3):
        arrives(juniper, maya, f"One by one {n}")
        expect(row).to_contain_text(f"One by one {n}")
    assert len(asked) <= 4, "one for each, and perhaps the one that every page asks when its line is up"
    held: list[Route] = []
    page.route("**/live?*", lambda route: route.continue_() if held else held.append(route))
    arrives(juniper, maya, "First")
    until(lambda: page.evaluate("1") and held, what="its question")
    asked.clear()
    page.evaluate(COUNT_CHANGES)
    for n in range(40):
        arrives(juniper, maya, f"Burst {n}")
    until(lambda: page.evaluate("heard") == 40, what="all that came while it asks")
    held[0].continue_()
    expect(row).to_contain_text("Burst 39")
    page.evaluate(ALL_IS_SHOWN)
    assert len(asked) <= 2, "one for all that came while it asked, and perhaps the one that a test asks"


def test_in_a_crowd_who_looks_asks_at_once_and_others_in_their_time(visit: Visit, juniper: House) -> None:
    theirs = juniper.text(juniper.client("Theo", "Lind", "+15035550121"), "Hi").conversation_id
    # Nothing in it is unread, for which it would ask once more.
    open_ = juniper.text(juniper.client(), "Hello", inbound=False).conversation_id
    page = connected(visit(f"/inbox/{open_}", juniper.owner.user))
    page.evaluate(ALL_IS_SHOWN)
    # As a tab that holds the line tells the others what it heard.
    hear = """([c, s]) => new BroadcastChannel("parley events").postMessage(
        {event: "change", data: JSON.stringify({c: [c], n: false, s})})"""
    with page.expect_request("**/live?*") as asked:
        page.evaluate(hear, [str(theirs), 3_600_000])
        page.evaluate(hear, [str(open_), 3_600_000])
    assert f"c={open_}" in asked.value.url
    assert f"c={theirs}" in asked.value.url, "what could wait is asked along with what could not"
    with page.expect_request("**/live?*") as asked:
        page.evaluate(hear, [str(theirs), 100])
    assert f"c={open_}" not in asked.value.url.partition("&thread=")[0]
