"""Who may change whom, inviting somebody, and joining."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import product
from threading import Thread

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client as Browser
from django.utils import timezone

from parley.businesses import invitations, team
from parley.businesses.models import Invitation, Member, User
from parley.messaging.models import Message
from tests.businesses.conftest import Post
from tests.people import NO_PASSWORD, PASSWORD, House
from tests.waiting import SOMEBODY_WAITS, free_ports, until

LINK = re.compile(r"http://\S+?(/join/\S+)")


def add(house: House, name: str, role: str) -> Member:
    email = f"{name.split()[0].lower()}@{house.business.name.split()[0].lower()}.example"
    user = User.objects.create(email=email, name=name, password=NO_PASSWORD)
    return Member.objects.create(business=house.business, user=user, role=role)


def signed_in(member: Member | User) -> Browser:
    browser = Browser()
    browser.force_login(member.user if isinstance(member, Member) else member)
    return browser


def link_in(post: Post) -> str:
    found = LINK.search(post.words())
    assert found
    return found[1]


@pytest.fixture
def nora(juniper: House) -> Browser:
    return signed_in(juniper.owner)


@pytest.fixture
def invited(nora: Browser, post: Post) -> str:
    """The address of the page that ida@marlow.example was sent to, to join Juniper as staff."""
    assert (
        nora.post("/settings/team", {"email": "Ida@marlow.example", "role": "staff"})["Location"]
        == "/settings/team"
    )
    return link_in(post)


# ---- Roles


def may(actor: str, member: str, to: str) -> bool:
    """The rules as they are told: only owners make or change owners, staff change nobody."""
    if actor == "staff":
        return False
    return actor == "owner" or "owner" not in (member, to)


@pytest.mark.parametrize("actor", ["owner", "admin", "staff"])
def test_who_may_change_whom(juniper: House, actor: str) -> None:
    browser = signed_in(add(juniper, "Ada Actor", actor))
    for number, (before, after) in enumerate(product(Member.Role.values, Member.Role.values)):
        member = add(juniper, f"Somebody{number} Else", before)
        answer = browser.post(f"/settings/team/{member.pk}", {"role": after})
        member.refresh_from_db()
        allowed = before == after if actor != "staff" and before == after else may(actor, before, after)
        assert member.role == (after if allowed else before), (actor, before, after)
        assert answer.status_code == (302 if allowed else 403 if actor == "staff" else 422)


@pytest.mark.parametrize("actor", ["owner", "admin", "staff"])
def test_who_may_remove_whom(juniper: House, actor: str) -> None:
    browser = signed_in(add(juniper, "Ada Actor", actor))
    for role in Member.Role.values:
        member = add(juniper, f"{role}x Else", role)
        browser.post(f"/settings/team/{member.pk}/remove")
        gone = not Member.objects.filter(pk=member.pk).exists()
        assert gone is may(actor, role, role)
        # They still have an account, and so may work elsewhere.
        assert User.objects.filter(pk=member.user_id).exists()


@pytest.mark.parametrize("actor", ["owner", "admin"])
def test_who_may_invite_whom(juniper: House, post: Post, actor: str) -> None:
    browser = signed_in(add(juniper, "Ada Actor", actor))
    page = browser.get("/settings/team").content.decode()
    for role in Member.Role.values:
        allowed = may(actor, "staff", role)
        assert (f'<option value="{role}"' in page) is allowed
        answer = browser.post("/settings/team", {"email": f"{role}@new.example", "role": role})
        assert answer.status_code == (302 if allowed else 422)
        assert Invitation.objects.filter(email=f"{role}@new.example").exists() is allowed
    assert len(post.letters) == Invitation.objects.count()


def test_staff_are_told_whom_to_ask(juniper: House) -> None:
    answer = signed_in(juniper.staff).get("/settings/team")
    assert answer.status_code == 403
    assert "Ask Nora Kim" in answer.content.decode()
    menu = signed_in(juniper.staff).get("/settings").content.decode()
    assert "/settings/team" not in menu
    assert "/settings/security" in menu


def test_the_last_owner_stays(nora: Browser, juniper: House) -> None:
    own = f"/settings/team/{juniper.owner.pk}"
    assert "You are the only owner." in nora.get(own).content.decode()
    answer = nora.post(own, {"role": "staff"})
    assert answer.status_code == 422
    assert "You are the only owner. Make somebody else an owner first." in answer.content.decode()
    nora.post(f"{own}/remove")
    assert "the only owner" in nora.get("/settings/team").content.decode()
    juniper.owner.refresh_from_db()
    assert juniper.owner.owns
    # With another owner there, one may go.
    add(juniper, "Olive Owner", "owner")
    assert nora.post(own, {"role": "staff"})["Location"] == "/inbox"
    assert nora.get("/settings/team").status_code == 403


def test_two_owners_who_demote_each_other_at_once_leave_one(transactional_db: None, juniper: House) -> None:
    olive = add(juniper, "Olive Owner", "owner")
    refused = []

    def strike_back() -> None:
        try:
            team.change_role(olive, juniper.owner.pk, Member.Role.STAFF)
        except team.Refused as words:
            refused.append(words)
        finally:
            connection.close()

    def waits_or_is_done() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(SOMEBODY_WAITS)
            return cursor.fetchone()[0] or not thread.is_alive()

    thread = Thread(target=strike_back)
    with transaction.atomic():
        team.change_role(juniper.owner, olive.pk, Member.Role.STAFF)
        thread.start()
        until(waits_or_is_done)
    thread.join()
    assert [member.user.name for member in Member.objects.filter(role="owner")] == ["Nora Kim"]
    assert refused


def test_a_manager_who_was_demoted_meanwhile_changes_nothing(juniper: House) -> None:
    admin = add(juniper, "Ada Admin", "admin")
    Member.objects.filter(pk=admin.pk).update(role="staff")
    # `admin` still says that they manage: as a request that was under way would.
    with pytest.raises(team.Refused):
        team.change_role(admin, juniper.staff.pk, Member.Role.ADMIN)
    with pytest.raises(team.Refused):
        team.remove(admin, juniper.staff.pk)
    with pytest.raises(team.Refused):
        invitations.invite(admin, "x@y.example", "staff")


def test_what_who_left_has_written_stays(nora: Browser, juniper: House) -> None:
    text = juniper.text(juniper.client(), "See you at nine", inbound=False, author=juniper.staff)
    conversation = text.conversation
    conversation.assignee = juniper.staff
    conversation.save()
    jules = signed_in(juniper.staff)
    assert jules.get("/inbox").status_code == 200
    nora.post(f"/settings/team/{juniper.staff.pk}/remove")
    assert Message.objects.get(pk=text.pk).author is None
    assert "See you at nine" in nora.get(f"/inbox/{conversation.pk}").content.decode()
    assert jules.get("/inbox").status_code == 403


def test_a_stranger_sees_and_changes_nothing(juniper: House, alder: House, post: Post) -> None:
    stranger = signed_in(alder.owner)
    invitation = invitations.invite(juniper.owner, "ida@marlow.example", "staff")
    post.letters.clear()
    page = stranger.get("/settings/team").content.decode()
    assert "juniper" not in page.lower()
    assert "ida@marlow.example" not in page
    for address in (
        f"/settings/team/{juniper.staff.pk}",
        f"/settings/team/{juniper.staff.pk}/remove",
        f"/settings/team/invitations/{invitation.pk}/again",
        f"/settings/team/invitations/{invitation.pk}/withdraw",
    ):
        assert stranger.post(address, {"role": "owner"}).status_code == 404
    assert stranger.get(f"/settings/team/{juniper.staff.pk}").status_code == 404
    juniper.staff.refresh_from_db()
    assert juniper.staff.role == "staff"
    assert Invitation.objects.filter(pk=invitation.pk).exists()
    assert post.letters == []


@pytest.mark.parametrize("count", [3, 30])
def test_the_page_asks_as_much_for_many(
    nora: Browser, juniper: House, post: Post, count: int, django_assert_num_queries
) -> None:
    for number in range(count):
        add(juniper, f"Member{number} Else", "staff")
        Invitation.objects.create(
            business=juniper.business,
            email=f"{number}@new.example",
            token_hash=f"{number}",
            invited_by=juniper.owner,
            sent_at=timezone.now(),
        )
    with django_assert_num_queries(7):
        page = nora.get("/settings/team").content.decode()
    assert page.count("@new.example</b>") == count


# ---- Invitations


def test_a_new_person_joins(invited: str, juniper: House) -> None:
    browser = Browser()
    page = browser.get(invited).content.decode()
    assert "Join Juniper Hair Studio" in page
    assert "Nora Kim invites you as staff" in page
    answer = browser.post(invited, {"name": "Ida Marlow", "password": "short"})
    assert "too short" in answer.content.decode()
    assert 'value="Ida Marlow"' in answer.content.decode()
    assert browser.post(invited, {"name": "Ida Marlow", "password": PASSWORD})["Location"] == "/inbox"
    page = browser.get("/inbox").content.decode()
    assert "Welcome to Juniper Hair Studio" in page
    member = Member.objects.get(user__email="ida@marlow.example")
    assert (member.role, member.user.name, member.business) == ("staff", "Ida Marlow", juniper.business)
    # The address is proven: no code is asked for at the next sign-in.
    again = Browser().post("/sign-in/", {"login": "ida@marlow.example", "password": PASSWORD})
    assert again["Location"] == "/inbox"


def test_a_link_works_once(invited: str) -> None:
    Browser().post(invited, {"name": "Ida Marlow", "password": PASSWORD})
    for browser in (Browser(), signed_in(User.objects.get(email="ida@marlow.example"))):
        for answer in (browser.get(invited), browser.post(invited, {"name": "Eve", "password": PASSWORD})):
            assert answer.status_code == 404
            assert "That invitation is used up" in answer.content.decode()
    assert User.objects.count() == 3


def test_somebody_with_an_account_signs_in_and_joins(invited: str, juniper: House) -> None:
    user = User.objects.create_user("ida@marlow.example", PASSWORD, name="Ida Marlow")
    browser = Browser()
    page = browser.get(invited).content.decode()
    assert "You have an account already" in page
    assert f"/sign-in/?next={invited}" in page
    # No new account in place of the old one.
    browser.post(invited, {"name": "Eve", "password": "another-long-one"})
    assert not Member.objects.filter(user=user).exists()
    sent = {"login": user.email, "password": PASSWORD, "next": invited}
    assert browser.post("/sign-in/", sent)["Location"] == invited
    assert "signed in as <b>ida@marlow.example</b>" in browser.get(invited).content.decode()
    assert browser.post(invited)["Location"] == "/inbox"
    assert Member.objects.get(user=user).business == juniper.business


def test_who_works_elsewhere_joins_and_lands_in_the_new_business(invited: str, alder: House) -> None:
    browser = signed_in(alder.staff)
    browser.post(invited)
    assert "Juniper Hair Studio" in browser.get("/inbox").content.decode()
    assert {m.business.name for m in alder.staff.user.memberships.all()} == {
        "Juniper Hair Studio",
        "Alder Physio",
    }


def test_who_is_on_the_team_keeps_their_role(invited: str, nora: Browser, juniper: House) -> None:
    nora.post(invited)
    juniper.owner.refresh_from_db()
    assert juniper.owner.owns
    assert Member.objects.count() == 2


def test_a_link_lasts_two_weeks(invited: str, nora: Browser, post: Post) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=13, hours=23)):
        assert Browser().get(invited).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=14, minutes=1)):
        browser = Browser()
        assert browser.get(invited).status_code == 404
        assert browser.post(invited, {"name": "Ida", "password": PASSWORD}).status_code == 404
        assert not User.objects.filter(email="ida@marlow.example").exists()
        nora.force_login(User.objects.get(name="Nora Kim"))
        assert "Expired" in nora.get("/settings/team").content.decode()
        # Sent again it lasts anew, and the old link stays dead.
        nora.post(f"/settings/team/invitations/{Invitation.objects.get().pk}/again")
        new = link_in(post)
        assert new != invited
        assert browser.get(invited).status_code == 404
        assert browser.get(new).status_code == 200


def test_a_withdrawn_invitation_is_no_more(invited: str, nora: Browser) -> None:
    nora.post(f"/settings/team/invitations/{Invitation.objects.get().pk}/withdraw")
    assert "is withdrawn" in nora.get("/settings/team").content.decode()
    assert Browser().get(invited).status_code == 404
    assert not Invitation.objects.exists()


def test_only_the_hash_of_a_token_is_kept(invited: str) -> None:
    token = invited.removeprefix("/join/")
    assert len(token) >= 43
    assert token not in str(Invitation.objects.values().get())
    assert Browser().get(f"/join/{Invitation.objects.get().token_hash}").status_code == 404


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("jules@JUNIPER.example", "Jules Martin is on the team already."),
        ("IDA@marlow.example", "That address is invited already."),
        ("ida@", "That isn’t a whole email address."),
        ("", "Enter an email address."),
    ],
)
def test_what_is_wrong_with_an_invitation_is_said(
    invited: str, nora: Browser, post: Post, email: str, words: str
) -> None:
    answer = nora.post("/settings/team", {"email": email, "role": "admin"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert words in page
    assert '<option value="admin" selected' in page
    assert Invitation.objects.count() == 1
    assert post.letters == []


def test_an_admin_leaves_the_invitation_of_an_owner_alone(juniper: House, post: Post) -> None:
    invitation = invitations.invite(juniper.owner, "olive@marlow.example", "owner")
    post.letters.clear()
    admin = signed_in(add(juniper, "Ada Admin", "admin"))
    for verb in ("again", "withdraw"):
        admin.post(f"/settings/team/invitations/{invitation.pk}/{verb}")
        assert "Only an owner" in admin.get("/settings/team").content.decode()
    assert Invitation.objects.exists()
    assert post.letters == []


def test_a_mail_server_that_is_away_is_said_and_nothing_is_kept(nora: Browser, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_ports(1)[0]  # type: ignore[attr-defined]
    answer = nora.post("/settings/team", {"email": "ida@marlow.example", "role": "admin"})
    assert "The email didn’t go out" in answer.content.decode()
    assert 'value="ida@marlow.example"' in answer.content.decode()
    assert not Invitation.objects.exists()


def test_nobody_sends_letters_without_end(nora: Browser, post: Post) -> None:
    for number in range(30):
        assert (
            nora.post("/settings/team", {"email": f"{number}@new.example", "role": "staff"}).status_code
            == 302
        )
    answer = nora.post("/settings/team", {"email": "31@new.example", "role": "staff"})
    assert "That is many invitations at once" in answer.content.decode()
    assert len(post.letters) == 30


# ---- The business


def test_a_business_changes_what_it_says_of_itself(nora: Browser, juniper: House) -> None:
    juniper.number.released_at = timezone.now()
    juniper.number.save()
    page = nora.get("/settings/business").content.decode()
    assert "<b>Business</b>: 2,000 texts a month" in page
    sent = {
        "name": "Juniper & Co",
        "country": "GB",
        "time_zone": "Europe/London",
        "email": "new@juniper.example",
        "plan": "scale",
    }
    assert nora.post("/settings/business", sent)["Location"] == "/settings/business"
    juniper.business.refresh_from_db()
    business = juniper.business
    assert (business.name, business.country, business.time_zone) == ("Juniper & Co", "GB", "Europe/London")
    # The plan is not a business's own to set.
    assert (business.email, business.plan_id) == ("new@juniper.example", "business")


def test_the_country_stays_while_there_is_a_number(nora: Browser, juniper: House) -> None:
    page = nora.get("/settings/business").content.decode()
    assert "It can’t change while (855) 555-0142 is yours" in page
    sent = {"name": "Juniper", "country": "GB", "time_zone": "Europe/London", "email": "a@b.example"}
    nora.post("/settings/business", sent)
    juniper.business.refresh_from_db()
    assert (juniper.business.name, juniper.business.country) == ("Juniper", "US")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "Enter the name your clients know."),
        ({"time_zone": "Mars/Olympus"}, "Choose a time zone from the list."),
        ({"email": "nora@"}, "That isn’t a whole email address."),
    ],
)
def test_what_is_wrong_with_a_business_is_said(
    nora: Browser, juniper: House, wrong: dict[str, str], words: str
) -> None:
    sent = {"name": "Typed", "country": "US", "time_zone": "Europe/London", "email": "t@t.example"} | wrong
    answer = nora.post("/settings/business", sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert 'value="Typed"' in answer.content.decode() or "name" in wrong
    juniper.business.refresh_from_db()
    assert juniper.business.name == "Juniper Hair Studio"


def test_settings_of_a_business_are_for_its_managers(juniper: House) -> None:
    jules = signed_in(juniper.staff)
    assert jules.get("/settings/business").status_code == 403
    assert jules.post("/settings/business", {"name": "Mine"}).status_code == 403
    assert Browser().get("/settings/business").status_code == 302
