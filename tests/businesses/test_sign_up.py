"""A business signs itself up, and nobody with somebody else's address."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone

from parley.businesses.access import from_outside
from parley.businesses.models import Business, Member, User
from parley.businesses.tasks import forget_unproven_sign_ups
from parley.messaging.sending import conversation_with
from tests.businesses.conftest import Post
from tests.inbox.conftest import FRAME, SIGNED_IN
from tests.people import PASSWORD, House
from tests.waiting import free_ports

FORM = {
    "business": "Marlow Books",
    "country": "US",
    "time_zone": "America/Denver",
    "name": "Ida Marlow",
    "email": "Ida@marlow.example",
    "password1": PASSWORD,
}
CODE = re.compile(r"^(\d{6})\r?$", re.MULTILINE)


def sign_up(browser: Browser, **more: str) -> str:
    """Where it leads, or the page with what is wrong."""
    answer = browser.post("/sign-up/", FORM | more)
    return answer.headers.get("Location") or answer.content.decode()


def code_in(post: Post) -> str:
    found = CODE.search(post.words())
    assert found
    return found[1]


def test_a_business_signs_itself_up(client: Browser, db: None, post: Post) -> None:
    page = client.get("/sign-up/").content.decode()
    assert page.index('value="US" selected') < page.index('value="CA"') < page.index('value="AF"')
    assert "data-guess" in page
    assert sign_up(client) == "/sign-up/code"
    page = client.get("/sign-up/code").content.decode()
    assert "ida@marlow.example" in page
    # Until the address is proven nobody is signed in.
    assert client.get("/inbox").status_code == 302
    assert "doesn’t fit" in client.post("/sign-up/code", {"code": "000000"}).content.decode()
    assert client.post("/sign-up/code", {"code": code_in(post)})["Location"] == "/inbox"
    assert client.get("/inbox").status_code == 200
    business = Business.objects.get()
    assert (business.name, business.country, business.time_zone) == ("Marlow Books", "US", "America/Denver")
    assert (business.plan_id, business.email) == ("free", "ida@marlow.example")
    member = Member.objects.get()
    assert (member.role, member.user.name, member.business) == ("owner", "Ida Marlow", business)
    assert not member.user.is_staff


def test_signing_in_before_the_code_was_entered_sends_a_new_one(
    client: Browser, db: None, post: Post
) -> None:
    sign_up(client)
    old = code_in(post)
    other = Browser()
    sent = {"login": "ida@marlow.example", "password": PASSWORD}
    # One code in ten seconds.
    assert "wrong too often" in other.post("/sign-in/", sent).content.decode()
    cache.clear()
    assert other.post("/sign-in/", sent)["Location"] == "/sign-up/code"
    new = code_in(post)
    assert other.post("/sign-up/code", {"code": new})["Location"] == "/inbox"
    assert old != new
    # Proven once is proven.
    again = Browser()
    assert again.post("/sign-in/", sent)["Location"] == "/inbox"
    assert post.letters == []


def test_a_code_can_be_sent_again_and_the_sign_up_started_over(client: Browser, db: None, post: Post) -> None:
    sign_up(client)
    first = code_in(post)
    cache.clear()
    assert client.post("/sign-up/code", {"action": "resend"})["Location"] == "/sign-up/code"
    second = code_in(post)
    if first != second:
        assert client.post("/sign-up/code", {"code": first}).status_code == 200
    # Wherever one goes, the code is asked for, until one starts over.
    assert client.get("/sign-up/")["Location"] == "/sign-up/code"
    assert client.post("/sign-in/out", {"next": "/sign-up/"})["Location"] == "/sign-up/"
    assert client.get("/sign-up/").status_code == 200


def test_who_owns_the_address_takes_the_account_over(client: Browser, db: None, post: Post) -> None:
    """Somebody signed up with it, and never could prove it."""
    sign_up(client)
    post.letters.clear()
    owner = Browser()
    owner.post("/sign-in/forgot", {"email": "ida@marlow.example"})
    link = re.search(r"http://testserver(/sign-in/forgot/\S+)", post.words())
    assert link
    form = owner.get(link[1])["Location"]
    owner.post(form, {"password1": "a-brand-new-one", "password2": "a-brand-new-one"})
    sent = {"login": "ida@marlow.example", "password": "a-brand-new-one"}
    cache.clear()
    assert owner.post("/sign-in/", sent)["Location"] == "/sign-up/code"
    assert owner.post("/sign-up/code", {"code": code_in(post)})["Location"] == "/inbox"
    assert Browser().post("/sign-in/", sent | {"password": PASSWORD}).status_code == 200


def test_guessing_a_code_ends(client: Browser, db: None, post: Post) -> None:
    sign_up(client)
    right = code_in(post)
    for _ in range(3):
        client.post("/sign-up/code", {"code": "x"})
    client.post("/sign-up/code", {"code": right})
    assert client.get("/inbox").status_code == 302


def test_a_business_from_elsewhere_may_sign_up_too(client: Browser, db: None, post: Post) -> None:
    assert "for businesses in the United States and Canada" in client.get("/sign-up/").content.decode()
    assert sign_up(client, country="GB", time_zone="Europe/London") == "/sign-up/code"
    client.post("/sign-up/code", {"code": code_in(post)})
    assert client.get("/inbox").status_code == 200
    assert not Business.objects.get(country="GB").converses


@pytest.mark.parametrize("address", ["nora@juniper.example", "NORA@Juniper.example"])
def test_an_address_with_an_account_gets_a_letter_and_nothing_else(
    client: Browser, juniper: House, post: Post, address: str
) -> None:
    # Whoever types it sees what they would see for a new address.
    assert sign_up(client, email=address) == "/sign-up/code"
    assert address.lower() in client.get("/sign-up/code").content.decode()
    words = post.words()
    assert "you have an account already" in words
    assert "/sign-in/forgot" in words
    assert not CODE.search(words)
    assert "doesn’t fit" in client.post("/sign-up/code", {"code": "123456"}).content.decode()
    assert Business.objects.count() == 1
    assert User.objects.filter(email__iexact=address).count() == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"business": " "}, "Enter the name your clients know."),
        ({"business": "x" * 121}, "at most 120 characters"),
        ({"country": "XX"}, "Choose a country from the list."),
        ({"country": ""}, "Choose a country."),
        ({"time_zone": "Mars/Olympus"}, "Choose a time zone from the list."),
        ({"name": ""}, "Enter your name."),
        ({"email": "ida@"}, "That isn’t a whole email address."),
        ({"email": ""}, "Enter your email."),
        ({"password1": ""}, "Choose a password."),
        ({"password1": "short"}, "too short"),
        ({"password1": "password123456"}, "too common"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    client: Browser, db: None, wrong: dict[str, str], words: str
) -> None:
    page = sign_up(client, **wrong)
    assert words in page
    for name in ("business", "name", "email"):
        if name not in wrong:
            assert f'value="{FORM[name]}"' in page
    if "time_zone" not in wrong:
        assert 'value="America/Denver" selected' in page
    assert "data-guess" not in page
    assert not User.objects.exists()
    assert not Business.objects.exists()


def test_a_mail_server_that_is_away_is_said_and_signing_in_goes_on(
    client: Browser, db: None, settings: object
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_ports(1)[0]  # type: ignore[attr-defined]
    answer = client.post("/sign-up/", FORM)
    assert answer.status_code == 503
    page = answer.content.decode()
    assert "The email didn’t go out" in page
    assert 'href="/sign-in/"' in page
    assert client.get("/inbox").status_code == 302


def test_somebody_without_a_business_starts_one(client: Browser, db: None) -> None:
    user = User.objects.create_user("new@nowhere.example", name="New")
    client.force_login(user)
    page = client.get("/inbox")
    assert page.status_code == 403
    assert 'href="/sign-up/business"' in page.content.decode()
    assert "Enter the name" in client.post("/sign-up/business", {"country": "US"}).content.decode()
    sent = {"business": "Nowhere", "country": "CA", "time_zone": "America/Toronto"}
    assert client.post("/sign-up/business", sent)["Location"] == "/inbox"
    member = user.memberships.get()
    assert (member.role, member.business.country, member.business.email) == ("owner", "CA", user.email)
    assert client.get("/inbox").status_code == 200


def test_a_second_business_is_the_one_that_opens(client: Browser, juniper: House) -> None:
    client.force_login(juniper.owner.user)
    sent = {"business": "Second Chair", "country": "US", "time_zone": "America/Denver"}
    client.post("/sign-up/business", sent)
    page = client.get("/settings/business").content.decode()
    assert 'value="Second Chair"' in page
    # And back, by the menu.
    back = f'name="business" value="{juniper.business.pk}"'
    assert back in page
    assert client.post("/switch", {"business": str(juniper.business.pk)})["Location"] == "/inbox"
    page = client.get("/settings/business").content.decode()
    assert 'value="Juniper Hair Studio"' in page
    assert back not in page


def test_nobody_switches_to_a_business_of_others(client: Browser, juniper: House, alder: House) -> None:
    client.force_login(alder.owner.user)
    for wanted in (str(juniper.business.pk), "nonsense", ""):
        assert client.post("/switch", {"business": wanted}).status_code == 404
    assert "Juniper" not in client.get("/settings/business").content.decode()


def test_a_link_from_outside_arrives_in_the_right_business(
    client: Browser, juniper: House, alder: House
) -> None:
    Member.objects.create(business=alder.business, user=juniper.owner.user, role="staff")
    address = from_outside(f"/inbox/{conversation_with(alder.client()).pk}", alder.business.pk)
    client.force_login(juniper.owner.user)
    page = client.get(address, follow=True)
    assert page.status_code == 200
    assert "Alder Physio" in page.content.decode()
    # Who is not of that business finds nothing, and stays where they were.
    client.force_login(juniper.staff.user)
    assert client.get(address, follow=True).status_code == 404
    assert "Juniper" in client.get(from_outside("/inbox", alder.business.pk), follow=True).content.decode()
    assert client.get("/inbox?in=nonsense", follow=True).status_code == 200


def test_who_has_one_business_pays_nothing_for_the_switch(
    client: Browser, juniper: House, django_assert_num_queries
) -> None:
    client.force_login(juniper.owner.user)
    with django_assert_num_queries(SIGNED_IN + FRAME + 1):
        page = client.get("/clients").content.decode()
    assert 'action="/switch"' not in page


def test_who_never_proved_the_address_does_not_keep_it(client: Browser, juniper: House, post: Post) -> None:
    sign_up(client)
    post.letters.clear()
    proven = Browser()
    sign_up(proven, email="proven@marlow.example")
    proven.post("/sign-up/code", {"code": code_in(post)})
    people = set(User.objects.values_list("email", flat=True))
    forget_unproven_sign_ups(0)
    assert set(User.objects.values_list("email", flat=True)) == people
    with time_machine.travel(timezone.now() + timedelta(days=3, minutes=1)):
        forget_unproven_sign_ups(0)
    assert people - set(User.objects.values_list("email", flat=True)) == {"ida@marlow.example"}
    assert Business.objects.count() == 2
    cache.clear()
    assert sign_up(Browser()) == "/sign-up/code"
    assert "you have an account already" not in post.words()
