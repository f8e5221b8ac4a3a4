"""The texting app: its switches, its states, the registration that saves itself, and the page carriers look at."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from parley.businesses.models import Business
from parley.numbers.forms import LARGEST_PICTURE
from parley.numbers.models import PhoneNumber, Registration
from tests.inbox.conftest import METER, SIGNED_IN, SignIn
from tests.numbers import carrier
from tests.numbers.test_sms_settings import read, text_of, without_number
from tests.people import House

HTMX = {"HTTP_HX_REQUEST": "true"}
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
SENT_AT = datetime(2026, 11, 11, 18, 44, tzinfo=UTC)

# What a browser posts where carriers have nothing against it.
ANSWERS: dict[str, Any] = carrier.ANSWERS | {"country": "US", "volume": "1000", "agreed": "on"}


@pytest.fixture
def new(juniper: House) -> House:
    """Juniper before it has a number: two-way texting is on, so the form is there."""
    without_number(juniper)
    return juniper


def draft(browser: Browser, shown: list[str] | None = None, **fields: Any) -> Any:
    """What the page's script posts when `fields` were changed."""
    return browser.post(
        "/apps/texting/registration/draft", {"fields": list(fields), "shown": shown or [], **fields}
    )


def registered(house: House, **more: Any) -> Registration:
    values = {"status": "in_review", "submitted_at": SENT_AT, "submissions": 1, "legal_name": "Juniper LLC"}
    return Registration.objects.create(business=house.business, **(values | more))


# ---- The switches


def test_the_switches_save_at_once(new: House, nora: Browser) -> None:
    Business.objects.update(two_way=False, mode="do_not_reply")
    page = read(nora, "/apps/texting")
    assert "One way for now. Alerts go out from a shared number and nobody reads the answers." in page
    assert "Save and continue" not in page
    answer = nora.post("/apps/texting/switch", {"name": "two_way", "on": "on"}, **HTMX)
    assert "Save and continue" in answer.content.decode()
    assert "<html" not in answer.content.decode()
    new.business.refresh_from_db()
    assert (new.business.two_way, new.business.mode) == (True, "texting")
    # Without scripts: back to the page.
    assert nora.post("/apps/texting/switch", {"name": "texting"}).headers["Location"] == "/apps/texting"
    page = read(nora, "/apps/texting")
    assert "Texting is off. No text leaves" in page
    new.business.refresh_from_db()
    assert (new.business.texting, new.business.two_way) == (False, True)
    assert nora.post("/apps/texting/switch", {"name": "light", "on": "on"}).status_code == 400


def test_do_not_reply_shows_the_switch_as_it_holds(juniper: House, nora: Browser) -> None:
    Business.objects.update(mode="do_not_reply")
    html = nora.get("/apps/texting").content.decode()
    assert html.count('role="switch"') == 2
    assert html.count(" checked") == 1
    assert "nobody reads the answers: clients get your auto message instead" in text_of(html)
    # Calls and Texting stays what was chosen.
    Business.objects.update(mode="calls")
    nora.post("/apps/texting/switch", {"name": "two_way", "on": "on"})
    juniper.business.refresh_from_db()
    assert juniper.business.mode == "calls"


@pytest.mark.parametrize("lacking", [{"plan": "free"}, {"country": "GB"}])
def test_who_may_not_have_it_cannot_turn_it_on(new: House, nora: Browser, lacking: dict[str, str]) -> None:
    Business.objects.update(two_way=False, **lacking)
    html = nora.get("/apps/texting").content.decode()
    assert html.count(" disabled") == 1
    nora.post("/apps/texting/switch", {"name": "two_way", "on": "on"})
    new.business.refresh_from_db()
    assert not new.business.two_way
    refused = draft(nora, legal_name="Juniper LLC")
    assert refused.status_code == 409
    assert refused.json()["words"].startswith("Two way texting")
    assert not Registration.objects.exists()


# ---- The draft


def test_a_draft_saves_what_was_changed_also_if_it_is_wrong(new: House, nora: Browser) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 18, 42, tzinfo=UTC), tick=False):
        answer = draft(nora, website="juniperhair", legal_name="  Juniper  Hair Studio LLC ")
    assert answer.json() == {
        "saved": "10:42 AM",
        "problems": {
            "website": "Carriers need the full address, like https://juniperhair.example",
            "legal_name": "",
        },
    }
    kept = Registration.objects.get()
    assert (kept.website, kept.legal_name) == ("juniperhair", "Juniper Hair Studio LLC")
    # What we knew was there from the first.
    assert (kept.contact_first_name, kept.contact_email) == ("Nora", "nora@juniper.example")
    html = nora.get("/apps/texting").content.decode()
    assert 'value="juniperhair"' in html
    assert "Draft saved 10:42 AM" in html
    # What is shown as wrong is looked at again, though only something else was changed.
    again = draft(nora, shown=["registration_number"], business_type="sole").json()["problems"]
    assert again == {"business_type": "", "registration_number": ""}


def test_two_tabs_change_different_fields(new: House, nora: Browser, sign_in: SignIn) -> None:
    draft(nora, city="Portland", uses=["offers", "payments"], agreed="on")
    draft(sign_in(new.owner), street="1418 SE Alder Street")
    nora.post("/apps/texting/registration/draft", {"fields": ["uses", "agreed"]})
    kept = Registration.objects.get()
    assert (kept.city, kept.street, kept.uses, kept.agreed) == ("Portland", "1418 SE Alder Street", [], False)


def test_what_cannot_be_kept_is_said(new: House, nora: Browser) -> None:
    problems = draft(nora, city="x" * 121, volume="12", region="ON", status="approved").json()["problems"]
    assert problems == {
        "city": "This is too long to keep. The most is 120 characters.",
        "volume": "Choose one from the list.",
        "region": "Choose one from the list.",
    }
    kept = Registration.objects.get()
    assert (kept.city, kept.volume, kept.region, kept.status) == ("", None, "", "draft")


def test_a_stranger_changes_only_their_own(new: House, alder: House, nora: Browser, sign_in: SignIn) -> None:
    draft(nora, city="Portland")
    PhoneNumber.objects.filter(business=alder.business).delete()
    stranger = sign_in(alder.owner)
    draft(stranger, city="Toronto")
    assert {r.business.name: r.city for r in Registration.objects.all()} == {
        "Juniper Hair Studio": "Portland",
        "Alder Physio": "Toronto",
    }
    assert "Portland" not in stranger.get("/apps/texting").content.decode()
    id = Registration.objects.get(business=new.business).pk
    assert stranger.get(f"/opt-in/{id}").status_code == 404
    assert stranger.get(f"/opt-in/{id}/picture").status_code == 404


def test_a_registration_that_was_sent_is_closed(new: House, nora: Browser) -> None:
    registered(new)
    answer = draft(nora, legal_name="Other LLC")
    assert answer.status_code == 409
    assert "was sent already" in answer.json()["words"]
    assert nora.post("/apps/texting/registration", ANSWERS).headers["Location"] == "/apps/texting"
    assert Registration.objects.get().legal_name == "Juniper LLC"
    page = read(nora, "/apps/texting")
    assert "This registration was sent already." in page


def test_whoever_has_a_number_needs_no_registration(juniper: House, nora: Browser) -> None:
    assert draft(nora, city="Portland").json()["words"] == "Your business has its number already."


# ---- By country and kind


def test_each_country_is_asked_in_its_own_words(new: House, nora: Browser) -> None:
    html = nora.get("/apps/texting").content.decode()
    for words in ("EIN (tax ID)", ">State<", ">ZIP code<", ">Oregon<"):
        assert words in html
    draft(nora, country="CA")
    new.business.refresh_from_db()
    assert new.business.country == "CA"
    html = nora.get("/apps/texting").content.decode()
    for words in ("Business Number (BN)", ">Province<", ">Postal code<", ">Ontario<"):
        assert words in html
    assert ">Oregon<" not in html
    assert "Choose the United States or Canada" not in str(draft(nora, country="GB").json())
    new.business.refresh_from_db()
    assert new.business.country == "CA"


def test_the_country_stays_once_there_is_a_number(new: House, nora: Browser) -> None:
    draft(nora, city="Portland")
    Registration.objects.update(wanted="+18885550123")
    draft(nora, country="CA")
    new.business.refresh_from_db()
    assert new.business.country == "US"


def test_a_sole_proprietor_may_have_no_number(new: House, nora: Browser) -> None:
    html = nora.get("/apps/texting").content.decode()
    assert "Sole proprietors without one can leave this empty." in html
    answer = nora.post(
        "/apps/texting/registration",
        ANSWERS | {"business_type": "sole", "legal_name": "Nora Kim", "registration_number": ""},
    )
    assert answer.status_code == 302
    assert Registration.objects.get().status == "submitted"


# ---- Save and continue


def test_sending_it(new: House, nora: Browser) -> None:
    answer = nora.post("/apps/texting/registration", ANSWERS)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/apps/texting")
    kept = Registration.objects.get()
    assert (kept.status, kept.submissions, kept.volume, kept.uses) == (
        "submitted",
        1,
        1000,
        ["appointments", "conversations"],
    )
    page = read(nora, "/apps/texting")
    assert "Sent today. Most answers come within four weeks. Some take six." in page
    assert "There is nothing for you to do." in page
    assert "See what you sent" in page


def test_what_is_missing_is_said_at_its_field_and_nothing_is_lost(new: House, nora: Browser) -> None:
    answer = nora.post(
        "/apps/texting/registration", ANSWERS | {"website": "juniper", "agreed": "", "region": "ZZ"}
    )
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Carriers need the full address" in html
    assert "Choose one from the list." in html
    assert html.count("autofocus") == 1
    assert 'value="juniper"' in html
    assert Registration.objects.get().website == "juniper"
    assert Registration.objects.get().status == "draft"
    # A page whose script saved everything sends nothing again.
    answer = nora.post("/apps/texting/registration", {"autosaved": "1"})
    assert answer.status_code == 422
    assert Registration.objects.get().legal_name == "Juniper Hair Studio LLC"


def test_advice_may_be_taken_or_not(new: House, nora: Browser) -> None:
    unwise = ANSWERS | {"sample": "Hi Maya, see you on Thursday."}
    answer = nora.post("/apps/texting/registration", unwise)
    page = text_of(answer.content.decode())
    assert answer.status_code == 200
    assert "Before you send it" in page
    assert "One text you’d send: The text doesn’t say how to stop. End it with" in page
    assert "Send anyway" in page
    assert Registration.objects.get().status == "draft"
    assert nora.post("/apps/texting/registration", {"autosaved": "1", "anyway": "1"}).status_code == 302
    assert Registration.objects.get().status == "submitted"


def test_two_way_off_meanwhile_keeps_what_was_typed(new: House, nora: Browser) -> None:
    Business.objects.update(two_way=False)
    assert nora.post("/apps/texting/registration", ANSWERS | {"website": ""}).status_code == 302
    assert Registration.objects.get().legal_name == "Juniper Hair Studio LLC"


# ---- What the carriers say


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0, "Sent today."),
        (9, "Day 9. Most answers come within four weeks. Some take six."),
        (29, "Day 29. Longer than usual, and still within the six weeks it may take."),
        (42, "Day 42. Longer than usual"),
        (43, "Day 43. This is longer than the six weeks it should take."),
    ],
)
def test_the_time_it_takes_is_said_as_it_is(new: House, nora: Browser, days: int, said: str) -> None:
    registered(new)
    with time_machine.travel(SENT_AT + timedelta(days=days), tick=False):
        page = read(nora, "/apps/texting")
    assert said in page
    assert "You sent it on Wed, Nov 11 at 10:44 AM." in page
    assert "4 weeks, Dec 9" in page
    assert "6 weeks at most, Dec 23" in page
    assert ("The carriers are late." in page) == (days > 42)
    assert "Your own number isn’t ready to share" in page
    assert "You can send and receive texts" in page


def test_trouble_on_the_way_is_said(new: House, nora: Browser) -> None:
    registered(new, status="submitted", trouble="The carrier’s desk is closed.")
    with time_machine.travel(SENT_AT + timedelta(hours=1), tick=False):
        page = read(nora, "/apps/texting")
    assert "It hasn’t reached the carriers yet. The carrier’s desk is closed. We keep trying." in page
    assert "Submitted" in page


def test_what_was_sent_can_be_seen(new: House, nora: Browser) -> None:
    registered(new, sent=[["Legal business name", "Juniper <LLC>"], ["Uses", ["A", "B"]], ["Suite", ""]])
    html = nora.get("/apps/texting").content.decode()
    assert "Juniper &lt;LLC&gt;" in html
    assert "<dd>A, B</dd>" in html
    assert "Suite" not in html


def test_an_approved_number(juniper: House, nora: Browser) -> None:
    page = read(nora, "/apps/texting")
    assert "Your number is ready (855) 555-0142" in page
    assert "This number can’t be swapped for a local one or linked to your cellphone or landline." in page
    registered(juniper, status="approved", number=juniper.number, decided_at=SENT_AT + timedelta(days=28))
    assert "Took 28 days" in read(nora, "/apps/texting")


def test_a_rejection_says_why_and_leads_back_to_the_form(new: House, nora: Browser) -> None:
    registration = registered(
        new,
        status="rejected",
        reasons=[{"code": "30484", "words": "Business name does not match <the> tax ID."}],
        decided_at=SENT_AT + timedelta(days=3),
        edit_until=SENT_AT + timedelta(days=10),
        legal_name="Juniper Hair",
    )
    with time_machine.travel(SENT_AT + timedelta(days=4), tick=False):
        html = nora.get("/apps/texting").content.decode()
        page = text_of(html)
        assert "Business name does not match &lt;the&gt; tax ID." in html
        assert (
            "Fix it by Sat, Nov 21, 10:44 AM, and you keep your place in line: 6 days left."
            in page.replace("\xa0", " ")
        )
        assert "Save and continue" not in page
        form = nora.get("/apps/texting?fix").content.decode()
        assert 'value="Juniper Hair"' in form
        assert "What the carriers want fixed" in form
        assert "Business name does not match &lt;the&gt; tax ID." in form
        assert "Save and continue" in form
        assert draft(nora, legal_name="Juniper Hair Studio LLC").status_code == 200
        refused = nora.post("/apps/texting/registration", ANSWERS | {"website": ""})
        assert refused.status_code == 422
        assert nora.post("/apps/texting/registration", ANSWERS).status_code == 302
    registration.refresh_from_db()
    assert (registration.status, registration.submissions) == ("submitted", 2)


def test_a_rejection_past_its_time_and_one_for_good(new: House, nora: Browser) -> None:
    registered(new, status="rejected", reasons=[], edit_until=SENT_AT, decided_at=SENT_AT)
    with time_machine.travel(SENT_AT + timedelta(days=1), tick=False):
        page = read(nora, "/apps/texting")
        assert "You can still send it again; carriers then check it from the start." in page
        assert "You can’t text clients yourself Fix your registration and send it again" in page
        Registration.objects.update(may_resubmit=False)
        page = read(nora, "/apps/texting?fix")
        assert "They won’t look at this registration again" in page
        assert "Save and continue" not in page
        assert "Fix and send again" not in page
        assert draft(nora, city="Portland").status_code == 409


def test_an_open_page_is_left_alone_until_something_changed(new: House, nora: Browser) -> None:
    registration = registered(new)
    html = nora.get("/apps/texting").content.decode()
    token = html.split('data-shown="')[1].split('"')[0]
    assert nora.get(f"/apps/texting?shown={token}", **HTMX).status_code == 204
    registration.status = "rejected"
    registration.save()
    changed = nora.get(f"/apps/texting?shown={token}", **HTMX)
    assert "Not approved yet" in changed.content.decode()
    assert f'data-shown="{token}"' not in changed.content.decode()


# Its number, its registration, whether it has any number at all.
STANDING = 3


def test_the_app_costs_the_same_in_every_state(
    new: House, nora: Browser, django_assert_max_num_queries: Any
) -> None:
    for status in (None, "draft", "in_review", "rejected"):
        if status:
            Registration.objects.update_or_create(
                business=new.business, defaults={"status": status, "submitted_at": SENT_AT}
            )
        # Who looks at one in review has the carriers asked: is there a job for it, and if not, one.
        asks = 2 if status == "in_review" else 0
        with django_assert_max_num_queries(SIGNED_IN + STANDING + METER + asks):
            nora.get("/apps/texting?fix")


# ---- The evidence


def test_the_picture_of_the_form(new: House, nora: Browser) -> None:
    def add(content: bytes, name: str = "form.png") -> str:
        file = SimpleUploadedFile(name, content, "image/png")
        answer = nora.post("/apps/texting/registration/picture", {"picture": file}, **HTMX)
        return text_of(answer.content.decode())

    assert "That isn’t a JPEG or PNG picture." in add(b"<svg onload=alert(1)>")
    assert "larger than 5 MB" in add(PNG + b"x" * LARGEST_PICTURE)
    assert (
        "Choose a picture first." in nora.post("/apps/texting/registration/picture", **HTMX).content.decode()
    )
    assert not Registration.objects.get().opt_in_picture
    assert "Remove picture" in add(PNG)
    kept = Registration.objects.get()
    assert (bytes(kept.opt_in_picture or b""), kept.opt_in_picture_type) == (PNG, "image/png")
    shown = nora.get(f"/opt-in/{kept.pk}/picture")
    assert (shown.content, shown.headers["Content-Type"]) == (PNG, "image/png")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert Browser().get(f"/opt-in/{kept.pk}/picture").status_code == 404
    assert nora.post("/apps/texting/registration/picture", {"remove": "1"}).status_code == 302
    assert Registration.objects.get().opt_in_picture is None
    assert nora.get(f"/opt-in/{kept.pk}/picture").status_code == 404


def test_a_picture_comes_along_without_scripts(new: House, nora: Browser) -> None:
    file = SimpleUploadedFile("form.gif", b"GIF89a", "image/gif")
    answer = nora.post("/apps/texting/registration", ANSWERS | {"picture": file})
    assert answer.status_code == 422
    assert "That isn’t a JPEG or PNG picture." in answer.content.decode()
    assert Registration.objects.get().legal_name == ANSWERS["legal_name"]
    file = SimpleUploadedFile("form.png", PNG, "image/png")
    assert nora.post("/apps/texting/registration", ANSWERS | {"picture": file}).status_code == 302
    assert Registration.objects.get().opt_in_picture_type == "image/png"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("web_form", "The box below is empty until the client ticks it."),
        ("paper", "Clients read and sign these words"),
        ("via_text", "with START or with a question. The number is shown beside these words:"),
    ],
)
def test_the_evidence_page_shows_how_clients_agree(
    new: House, nora: Browser, sign_in: SignIn, how: str, said: str
) -> None:
    registration = registered(
        new,
        status="draft",
        submissions=0,
        trade_name="Juniper Hair",
        opt_in=how,
        uses=["appointments", "offers"],
        website="javascript:alert(1)",
        sample="Hi. Reply STOP to stop texts.",
    )
    address = f"/opt-in/{registration.pk}"
    assert Browser().get(address).status_code == 404
    assert sign_in(new.staff).get(address).status_code == 404
    assert "Only you see this yet." in read(nora, address)
    Registration.objects.update(submissions=1)
    answer = Browser().get(address)
    html = answer.content.decode()
    page = text_of(html).replace("&amp;", "&")
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert said in page
    for needed in (
        *(
            [
                "Text us. By texting us you agree to get text messages from Juniper Hair about your appointments."
            ]
            if how == "via_text"
            else [
                "I agree to get text messages from Juniper Hair about my appointments.",
                "I also agree to get text messages with offers and news from Juniper Hair.",
            ]
        ),
        "Message frequency varies. Msg & data rates may apply. Reply STOP to opt out, HELP for help.",
        "Consent is not a condition of purchase.",
    ):
        assert needed in page
    assert " checked" not in html
    assert "javascript:" not in html
    assert Browser().get(f"/opt-in/{uuid.uuid4()}").status_code == 404
