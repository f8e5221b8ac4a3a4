"""Settings and SMS Settings: who may open what, what is chosen, and what is said about it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from parley.businesses.models import Business, Member
from parley.numbers.models import PhoneNumber, Registration
from tests.inbox.conftest import FRAME, METER, SIGNED_IN, SignIn
from tests.people import House


def text_of(html: str) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def read(browser: Browser, address: str, status: int = 200) -> str:
    answer = browser.get(address)
    assert answer.status_code == status
    return text_of(answer.content.decode())


def without_number(house: House, **more: object) -> None:
    PhoneNumber.objects.filter(pk=house.number.pk).delete()
    Business.objects.filter(pk=house.business.pk).update(**more)


def test_strangers_sign_in_first(db: None) -> None:
    for address in ("/settings", "/settings/sms", "/settings/plans", "/apps/texting"):
        answer = Browser().get(address)
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"/sign-in/?next={address}"


def test_staff_are_told_whom_to_ask(juniper: House, sign_in: SignIn) -> None:
    jules = sign_in(juniper.staff)
    for address in ("/settings/sms", "/settings/plans", "/apps/texting"):
        assert "Ask Nora Kim to change this." in read(jules, address, 403)
    for address in ("/settings/sms", "/apps/texting/switch", "/apps/texting/registration"):
        assert jules.post(address, {"mode": "do_not_reply", "name": "texting"}).status_code == 403
    juniper.business.refresh_from_db()
    assert (juniper.business.mode, juniper.business.texting) == ("texting", True)


def test_settings_opens_on_what_the_member_may_open(juniper: House, nora: Browser, sign_in: SignIn) -> None:
    front = nora.get("/settings").content.decode()
    assert "When a client answers" in front
    assert "data-front" in front
    assert "data-front" not in nora.get("/settings/sms").content.decode()
    staff = read(sign_in(juniper.staff), "/settings")
    assert "When a client answers" not in staff
    assert "Auto Client Messages and SMS" not in staff
    Member.objects.filter(pk=juniper.staff.pk).update(role="admin")
    assert "When a client answers" in read(sign_in(juniper.staff), "/settings")


def test_the_choice_and_back_again(juniper: House, nora: Browser) -> None:
    Business.objects.filter(pk=juniper.business.pk).update(mode="calls")
    answer = nora.post(
        "/settings/sms", {"mode": "do_not_reply", "auto_reply": "Nobody reads\nthis. Call (503) 555-0190."}
    )
    assert answer.status_code == 302
    juniper.business.refresh_from_db()
    assert juniper.business.mode == "do_not_reply"
    assert juniper.business.auto_reply == "Nobody reads this. Call (503) 555-0190."
    assert (juniper.business.texting, juniper.business.two_way) == (True, True)
    page = read(nora, "/settings/sms")
    assert "Saved. Texts are one way now." in page
    assert "Automatic (855) 555-0142, your number Not read. They get your auto message" in page
    nora.post("/settings/sms", {"mode": "texting", "auto_reply": ""})
    juniper.business.refresh_from_db()
    assert juniper.business.converses
    assert juniper.business.auto_reply == "Nobody reads this. Call (503) 555-0190."
    assert "Saved. Texting is on with (855) 555-0142." in read(nora, "/settings/sms")


def test_our_own_words_follow_the_business(juniper: House, nora: Browser) -> None:
    nora.post("/settings/sms", {"mode": "do_not_reply", "auto_reply": juniper.business.auto_reply_words})
    juniper.business.refresh_from_db()
    assert juniper.business.auto_reply == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Write how else clients can reach you."),
        (" … ", "Write how else clients can reach you."),
        ("x" * 321, "This has 321 characters. The most is 320"),
    ],
)
def test_an_auto_message_says_something(juniper: House, nora: Browser, words: str, said: str) -> None:
    answer = nora.post("/settings/sms", {"mode": "do_not_reply", "auto_reply": words})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    juniper.business.refresh_from_db()
    assert juniper.business.mode == "texting"


def test_a_choice_that_there_is_not(juniper: House, nora: Browser) -> None:
    answer = nora.post("/settings/sms", {"mode": "smoke"})
    assert answer.status_code == 422
    assert "Choose one of the three." in answer.content.decode()


def test_on_the_way_to_the_app_the_choice_is_kept(juniper: House, nora: Browser) -> None:
    answer = nora.post("/settings/sms", {"mode": "calls", "auto_reply": "", "then": "app"})
    assert answer.headers["Location"] == "/apps/texting"
    juniper.business.refresh_from_db()
    assert juniper.business.mode == "calls"


def test_a_free_plan_sees_why_and_can_write_its_auto_message(juniper: House, nora: Browser) -> None:
    Business.objects.filter(pk=juniper.business.pk).update(plan="free")
    html = nora.get("/settings/sms").content.decode()
    assert "Two way texting comes with paid plans. You are on the Free plan." in html
    assert html.count("disabled") == 2
    assert "See plans" in html
    nora.post("/settings/sms", {"mode": "do_not_reply", "auto_reply": "Call us."})
    juniper.business.refresh_from_db()
    # What was chosen waits for the plan.
    assert (juniper.business.auto_reply, juniper.business.mode) == ("Call us.", "texting")
    nora.post("/settings/sms", {"mode": "calls", "auto_reply": "Call us."})
    juniper.business.refresh_from_db()
    assert juniper.business.mode == "texting"
    plans = read(nora, "/settings/plans")
    assert "You are on the Free plan" in plans
    assert "Business 2,000 segments" in plans


def test_a_british_business_sees_why(juniper: House, nora: Browser) -> None:
    Business.objects.filter(pk=juniper.business.pk).update(country="GB")
    for address in ("/settings/sms", "/apps/texting"):
        page = read(nora, address)
        assert "Two way texting is for businesses in the United States and Canada" in page
        assert "See plans" not in page
        assert "Save and continue" not in page


def test_the_table_and_the_notice_say_what_holds(juniper: House, nora: Browser) -> None:
    without_number(juniper)
    page = read(nora, "/settings/sms")
    assert "You have no number of your own yet." in page
    assert "Direct Not sent by text. Email works." in page
    # Days of the business's calendar, of which one has 25 hours.
    now = timezone.now().astimezone(juniper.business.zone)
    registration = Registration.objects.create(
        business=juniper.business, status="in_review", submitted_at=now - timedelta(days=9)
    )
    page = read(nora, "/settings/sms")
    assert "Carriers are checking your business. Day 9 of at most 42." in page
    assert "Direct A shared system number. Delivery isn’t guaranteed. You get it in the Inbox" in page
    Registration.objects.update(submitted_at=now - timedelta(days=43))
    assert "The carriers are late: day 43 of at most 42." in read(nora, "/settings/sms")
    for status, said in (("rejected", "Carriers sent your registration back."), ("draft", "isn’t finished.")):
        Registration.objects.update(status=status)
        assert said in read(nora, "/settings/sms")
    Business.objects.filter(pk=juniper.business.pk).update(texting=False)
    page = read(nora, "/settings/sms")
    assert "Texting is switched off." in page
    assert "Direct Not sent while Texting is off" in page
    assert registration.pk


def test_the_frame_says_how_far_the_number_is(juniper: House, nora: Browser, sign_in: SignIn) -> None:
    def chip(browser: Browser) -> str:
        html = browser.get("/clients").content.decode()
        found = re.search(r'<(\w+) class="number-chip".*?</\1>', html, re.DOTALL)
        return " ".join(text_of(found[0]).split()) if found else ""

    def change(**more: object) -> None:
        Business.objects.filter(pk=juniper.business.pk).update(**more)

    assert chip(nora) == "(855) 555-0142 Verified, texting on"
    assert '<a class="number-chip" href="/apps/texting">' in nora.get("/clients").content.decode()
    assert '<div class="number-chip">' in sign_in(juniper.staff).get("/clients").content.decode()
    change(mode="do_not_reply")
    assert chip(nora) == "(855) 555-0142 Verified, one way"
    change(texting=False)
    assert chip(nora) == "(855) 555-0142 Verified, texting off"
    change(texting=True)
    # One that waits to be approved, and one that was given back, are not shown.
    PhoneNumber.objects.update(approved_at=None)
    assert chip(nora) == ""
    PhoneNumber.objects.update(approved_at=timezone.now(), released_at=timezone.now())
    assert chip(nora) == ""
    without_number(juniper)
    assert chip(nora) == ""
    change(mode="texting")
    assert chip(nora) == "Your own number Not registered yet"
    Registration.objects.create(business=juniper.business, status="in_review")
    assert chip(nora) == "Your own number In review with the carriers"
    Registration.objects.update(status="rejected")
    assert chip(nora) == "Your own number Not approved yet"


# Whose number, and its registration.
STANDING = 2


def test_sms_settings_costs_the_same_in_every_state(
    juniper: House, nora: Browser, django_assert_max_num_queries: object
) -> None:
    for _ in range(2):
        with django_assert_max_num_queries(SIGNED_IN + FRAME + STANDING + METER):  # type: ignore[operator]
            nora.get("/settings/sms")
        without_number(juniper)
