"""What came along with a text: seen in the thread, handed out to its business alone, and never let run."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client as Browser
from django.urls import reverse

from parley.messaging.media_types import UNKNOWN
from parley.messaging.models import Attachment, Message
from tests.inbox.conftest import SignIn
from tests.people import House

PNG = b"\x89PNG\r\n\x1a\n and so on"
CARD = b"BEGIN:VCARD\r\nEND:VCARD\r\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.fixture
def text(juniper: House) -> Message:
    return juniper.text(juniper.client(), "")


def bubbles(browser: Browser, message: Message) -> str:
    html = browser.get(f"/inbox/{message.conversation_id}").content.decode()
    at = html.index(f'id="m-{message.id}"')
    return html[at : html.index("</li>", at)]


def test_a_photo_is_shown_and_opens_whole(juniper: House, nora: Browser, text: Message) -> None:
    photo = juniper.attach(text, PNG)
    html = bubbles(nora, text)
    assert re.search(rf'<a class="photo" href="/media/{photo.id}" target="_blank" rel="noopener">', html)
    assert f'<img src="/media/{photo.id}" alt="Photo from Maya"' in html
    assert "https://x.example" not in html, "the carrier's own address asks for our credentials"


def test_words_stand_where_there_is_nothing_to_show(juniper: House, nora: Browser, text: Message) -> None:
    juniper.attach(text)
    assert "Photo is on its way…" in bubbles(nora, text)
    Attachment.objects.update(state="failed", reason="The picture could not be fetched.")
    html = bubbles(nora, text)
    assert "The picture could not be fetched." in html
    assert "/media/" not in html
    Attachment.objects.all().delete()  # from before pictures were kept
    html = bubbles(nora, text)
    assert "Photo" in html
    assert not re.search(r'<a (?!class="details)', html)


def test_what_is_no_picture_is_a_download(juniper: House, nora: Browser, text: Message) -> None:
    for content in (CARD, SVG):
        juniper.attach(text, content)
    html = bubbles(nora, text)
    assert "<img" not in html
    assert "Contact card<span" in html
    assert "Attachment<span" in html


@pytest.mark.parametrize(
    ("content", "type_", "handed_over"),
    [
        (PNG, "image/png", 'inline; filename="Photo {day}.png"'),
        (CARD, "text/vcard", 'attachment; filename="Contact card {day}.vcf"'),
        (SVG, UNKNOWN, 'attachment; filename="Attachment {day}"'),
        (b"<html>", UNKNOWN, 'attachment; filename="Attachment {day}"'),
    ],
)
def test_bytes_are_handed_out_so_that_they_cannot_run(
    juniper: House, nora: Browser, text: Message, content: bytes, type_: str, handed_over: str
) -> None:
    answer = nora.get(f"/media/{juniper.attach(text, content).id}")
    assert (answer.status_code, answer.content) == (200, content)
    day = f"{text.at.astimezone(juniper.business.zone):%Y-%m-%d}"
    assert {
        "Content-Type": type_,
        "Content-Disposition": handed_over.format(day=day),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=3600",
    }.items() <= answer.headers.items()


def test_only_its_own_business_gets_it(
    juniper: House, alder: House, nora: Browser, text: Message, sign_in: SignIn
) -> None:
    photo, waiting = juniper.attach(text, PNG), juniper.attach(text)
    at = f"/media/{photo.id}"
    assert sign_in(juniper.staff).get(at).status_code == 200
    assert nora.head(at).status_code == 200
    stranger = sign_in(alder.owner)
    absent = stranger.get(f"/media/{uuid.uuid4()}")
    refused = stranger.get(at)
    assert (
        (refused.status_code, refused.content)
        == (absent.status_code, absent.content)
        == (404, absent.content)
    )
    nobody = Browser().get(at)
    assert (nobody.status_code, nobody.headers["Location"]) == (302, f"{reverse('account_login')}?next={at}")
    assert nora.get(f"/media/{waiting.id}").status_code == 404
    assert nora.post(at).status_code == 405


def test_the_list_asks_for_none_of_it(juniper: House, nora: Browser, text: Message) -> None:
    juniper.attach(text, PNG)
    html = nora.get("/inbox").content.decode()
    assert ">Photo</span>" in html
    assert "/media/" not in html
