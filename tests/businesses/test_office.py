"""The back office: who comes in, and what it changes."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.test import Client as Browser

from parley.businesses import second_factor
from parley.businesses.models import Business, Plan, User
from parley.messaging.models import Message
from parley.messaging.routing import NoNumber, may_leave
from tests.businesses.authenticator import SECRET, code, give_second_factor
from tests.people import PASSWORD, House


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("op@parley.example", PASSWORD, name="Olga Operator")


@pytest.fixture
def office(operator: User) -> Browser:
    """A browser in which the operator has signed in with both factors."""
    give_second_factor(operator)
    browser = Browser()
    sent = {"login": operator.email, "password": PASSWORD, "next": "/office/"}
    assert browser.post("/sign-in/", sent)["Location"] == "/sign-in/code"
    assert browser.post("/sign-in/code", {"code": code()})["Location"] == "/office/"
    return browser


def test_anonymous_is_led_to_sign_in(client: Browser, db: None) -> None:
    answer = client.get("/office/businesses/business/")
    assert answer["Location"].startswith("/office/login/")
    answer = client.get(answer["Location"])
    assert answer["Location"] == "/sign-in/?next=/office/businesses/business/"


def test_a_member_is_told_that_it_is_not_for_them(client: Browser, juniper: House) -> None:
    client.force_login(juniper.owner.user)
    answer = client.get("/office/", follow=True)
    assert answer.status_code == 403
    assert "The back office is for operators." in answer.content.decode()
    plan = f"/office/businesses/business/{juniper.business.pk}/change/"
    client.post(plan, {"plan": "scale"}, follow=True)
    juniper.business.refresh_from_db()
    assert juniper.business.plan_id == "business"


def test_staff_without_a_second_factor_are_led_to_one(
    transactional_db: None, client: Browser, operator: User
) -> None:
    sent = {"login": operator.email, "password": PASSWORD}
    assert client.post("/sign-in/", sent)["Location"] == "/office/"
    assert client.get("/office/")["Location"].startswith("/office/login/")
    answer = client.get("/office/", follow=True)
    assert answer.status_code == 200
    assert "Is it you?" in answer.content.decode()
    asked = answer.redirect_chain[-1][0]
    answer = client.post(asked, {"password": PASSWORD}, follow=True)
    page = answer.content.decode()
    assert "Scan this with an authenticator app" in page
    secret = answer.context["form"].secret
    assert secret in page
    here = "/settings/security/second-factor"
    assert "doesn’t fit" in client.post(here, {"code": "12"}).content.decode()
    assert client.get("/office/").status_code == 302
    answer = client.post(here, {"code": code(secret)})
    answer = client.get(answer["Location"])
    assert answer.content.decode().count("<li><code>") == 10
    assert 'href="/office/"' in answer.content.decode()
    assert client.get("/office/").status_code == 200


def test_a_session_from_before_the_second_factor_is_asked_for_it(client: Browser, operator: User) -> None:
    give_second_factor(operator)
    client.force_login(operator)
    answer = client.get("/office/businesses/plan/", follow=True)
    assert "Enter the code that your authenticator app shows" in answer.content.decode()
    asked = answer.redirect_chain[-1][0]
    assert client.post(asked, {"code": "000000"}).status_code == 200
    assert client.get("/office/").status_code == 302
    answer = client.post(asked, {"code": code(), "next": "/office/businesses/plan/"})
    assert answer["Location"] == "/office/businesses/plan/"
    assert client.get("/office/businesses/plan/").status_code == 200


def test_whose_second_factor_it_was(office: Browser, operator: User, juniper: House) -> None:
    """What one person gave counts for nobody else, nor once it is switched off, nor for who is staff no more."""
    assert office.get("/office/").status_code == 200
    other = User.objects.create_superuser("other@parley.example", PASSWORD, name="Other")
    give_second_factor(other)
    session = Browser()
    session.force_login(other)
    kept = session.session
    kept[second_factor.USED_BY] = operator.pk
    kept.save()
    assert session.get("/office/").status_code == 302
    User.objects.filter(pk=operator.pk).update(is_staff=False)
    assert office.get("/office/").status_code == 302
    User.objects.filter(pk=operator.pk).update(is_staff=True)
    operator.authenticator_set.all().delete()
    assert office.get("/office/").status_code == 302


def test_a_plan_is_set_and_holds_at_once(office: Browser, operator: User, juniper: House) -> None:
    client = juniper.client()
    assert may_leave(juniper.business, Message.Kind.DIRECT, client.phone).number == juniper.number
    page = office.get("/office/businesses/business/?q=nora@juniper").content.decode()
    assert "Juniper Hair Studio" in page
    assert "United States" in page
    address = f"/office/businesses/business/{juniper.business.pk}/change/"
    page = office.get(address).content.decode()
    # All but the plan is the business's own.
    assert page.count("<select") == 1
    assert 'name="name"' not in page
    assert "Jules Martin" in page
    sent = {"plan": "free", "name": "Stolen", "country": "GB", "members-TOTAL_FORMS": 0} | {
        "members-INITIAL_FORMS": 0
    }
    assert office.post(address, sent)["Location"] == "/office/businesses/business/"
    business = Business.objects.select_related("plan").get(pk=juniper.business.pk)
    assert (business.plan_id, business.name, business.country) == ("free", "Juniper Hair Studio", "US")
    with pytest.raises(NoNumber, match="comes with paid plans"):
        may_leave(business, Message.Kind.DIRECT, client.phone)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_repr) == (operator, "Juniper Hair Studio")
    assert "Plan" in entry.get_change_message()


def test_plans_are_data(office: Browser, juniper: House) -> None:
    page = office.get("/office/businesses/plan/").content.decode()
    assert "2000" in page.replace(",", "")
    sent = {"name": "Grand", "code": "grand", "paid": "on", "monthly_texts": 5000, "position": 9}
    assert office.post("/office/businesses/plan/add/", sent).status_code == 302
    assert Plan.objects.get(code="grand").monthly_texts == 5000
    assert (
        office.post(
            "/office/businesses/plan/business/change/", sent | {"name": "Business", "code": "x"}
        ).status_code
        == 302
    )
    assert Plan.objects.get(code="business").monthly_texts == 5000
    assert not Plan.objects.filter(code="x").exists()
    # A plan that somebody has stays, and so does the one that new businesses begin on.
    assert "cannot delete" in office.get("/office/businesses/plan/business/delete/").content.decode().lower()
    office.post("/office/businesses/plan/business/delete/", {"post": "yes"})
    assert Plan.objects.filter(code="business").exists()
    assert office.post("/office/businesses/plan/free/delete/", {"post": "yes"}).status_code == 403
    office.post("/office/businesses/plan/", {"action": "delete_selected", "_selected_action": ["free"]})
    assert Plan.objects.filter(code="free").exists()


def test_people_can_be_shut_out_and_passwords_are_never_shown(office: Browser, juniper: House) -> None:
    user = juniper.staff.user
    user.set_password(PASSWORD)
    user.save()
    address = f"/office/businesses/user/{user.pk}/change/"
    page = office.get(address).content.decode()
    assert "argon2" not in page
    assert "password" not in page.lower().replace("password_change", "").replace("change password", "")
    assert "Juniper Hair Studio" in page
    jules = Browser()
    jules.force_login(user)
    assert jules.get("/inbox").status_code == 200
    none = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    # Nobody becomes an operator here.
    assert office.post(address, {"is_staff": "on", "is_superuser": "on"} | none).status_code == 302
    user.refresh_from_db()
    assert (user.is_active, user.is_staff, user.is_superuser) == (False, False, False)
    assert jules.get("/inbox").status_code == 302
    for page in ("user/add/", f"user/{user.pk}/delete/", "business/add/"):
        assert office.get(f"/office/businesses/{page}").status_code == 403


def test_only_what_rooms_register_is_there(office: Browser) -> None:
    page = office.get("/office/").content.decode()
    assert "Plans" in page
    for app in ("auth/group", "account/emailaddress", "mfa/authenticator", "procrastinate"):
        assert app not in page
        assert office.get(f"/office/{app}/").status_code == 404


def test_signing_out_of_the_office(office: Browser) -> None:
    assert office.get("/office/password_change/")["Location"] == "/settings/security/password"
    assert office.post("/office/logout/")["Location"] == "/sign-in/"
    assert office.get("/office/").status_code == 302


def test_an_operator_is_made_on_the_command_line(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, email="Op@Parley.example", name="Olga", verbosity=0)
    user = User.objects.get(email__iexact="op@parley.example")
    assert (user.is_staff, user.is_superuser, user.name) == (True, True, "Olga")
    sent = {"login": "op@parley.example", "password": PASSWORD}
    # Nobody invited them, and no mail server is needed to let them in.
    assert Browser().post("/sign-in/", sent)["Location"] == "/office/"


@pytest.mark.parametrize("demo", [True, False])
def test_the_operators_door_is_only_in_the_demo(
    client: Browser, juniper: House, settings, demo: bool
) -> None:
    settings.DEMO = demo
    assert ("Open as the operator" in client.get("/sign-in/").content.decode()) is demo
    assert client.get("/demo/open-as-operator").status_code == 405
    assert client.post("/demo/open-as-operator").status_code == (302 if demo else 404)
    assert client.get("/office/").status_code == (200 if demo else 302)
    assert User.objects.filter(is_staff=True).exists() is demo
    settings.DEMO = False
    assert client.get("/office/").status_code == 302
    settings.DEMO = True
    # The pass is the session's: the same operator by another way is asked for a second factor.
    if demo:
        other = Browser()
        other.force_login(User.objects.get(is_staff=True))
        assert other.get("/office/").status_code == 302


def test_the_owners_door_closes_the_operators(client: Browser, juniper: House, settings) -> None:
    settings.DEMO = True
    User.objects.filter(pk=juniper.owner.user_id).update(email="nora@juniperhair.example")
    client.post("/demo/open-as-operator")
    assert client.get("/office/").status_code == 200
    client.post("/demo/open-as-owner")
    assert client.get("/office/", follow=True).status_code == 403
    assert client.get("/inbox").status_code == 200


def test_the_demos_operator_has_no_password(client: Browser, db: None, settings) -> None:
    settings.DEMO = True
    client.post("/demo/open-as-operator")
    client.post("/demo/open-as-operator")
    operator = User.objects.get()
    assert not operator.has_usable_password()
    assert client.get("/settings/security/password")["Location"] == "/sign-in/forgot"


def test_the_office_has_the_same_strict_policy(office: Browser) -> None:
    answer = office.get("/office/")
    assert "unsafe-inline" not in answer["Content-Security-Policy"].replace(
        "style-src-attr 'unsafe-inline'", ""
    )
    assert "<style" not in answer.content.decode()
    assert SECRET not in answer.content.decode()
    assert django_settings.DEBUG is False
