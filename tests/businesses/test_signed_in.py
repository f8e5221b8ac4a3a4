"""Who is asking: one statement for the session, one for the user with all they belong to."""

from __future__ import annotations

import psycopg
import pytest
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import DataError, connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from parley.businesses import planned
from parley.businesses.models import Member
from parley.clients.search import people
from parley.inbox.composer import talk_of
from parley.inbox.search import Found
from tests.people import House
from tests.world import database_url

SENDS = {"channel": "sms", "body": "Hi", "client_key": "5d2dd4b4-0f3e-4a44-9d6d-5a1b7a4b4c11"}


def test_a_session_that_began_before_there_was_our_backend_goes_on(juniper: House, alder: House) -> None:
    Member.objects.create(business=alder.business, user=juniper.owner.user, role="staff")
    for backend in ("parley.businesses.signed_in.Backend", "django.contrib.auth.backends.ModelBackend"):
        browser = Browser()
        browser.force_login(juniper.owner.user, backend=backend)
        assert browser.session[BACKEND_SESSION_KEY] == backend
        page = browser.get("/inbox").content.decode()
        assert "Juniper Hair Studio" in page
        assert "Alder Physio" in page, "the other business can be chosen"


def test_whoever_was_shut_out_is_out(juniper: House) -> None:
    browser = Browser()
    browser.force_login(juniper.owner.user)
    assert browser.get("/inbox").status_code == 200
    juniper.owner.user.is_active = False
    juniper.owner.user.save()
    assert browser.get("/inbox").status_code == 302
    juniper.owner.user.is_active = True
    juniper.owner.user.set_password("another-long-one")
    juniper.owner.user.save()
    assert browser.get("/inbox").status_code == 302, "the password was changed"
    browser.force_login(juniper.owner.user)
    assert browser.get("/inbox").status_code == 200
    Session.objects.update(expire_date=timezone.now())
    assert browser.get("/inbox").status_code == 302, "the session is over"


@pytest.mark.django_db(transaction=True)
def test_a_send_asks_seven_statements_and_begins_no_transaction(juniper: House) -> None:
    message = juniper.text(juniper.client(), "Hello")
    browser = Browser()
    browser.force_login(juniper.owner.user)
    send = f"/inbox/{message.conversation_id}/send"
    htmx = {"HX-Request": "true"}
    # The first text of the month credits it.
    assert browser.post(send, SENDS, headers=htmx).status_code == 204
    with CaptureQueriesContext(connection) as asked:
        again = SENDS | {"client_key": "5d2dd4b4-0f3e-4a44-9d6d-5a1b7a4b4c12"}
        assert browser.post(send, again, headers=htmx).status_code == 204
    said = [each["sql"].split()[0] for each in asked.captured_queries]
    # Session; user; conversation; sent before?; own number; consent; and all that is written.
    assert said == ["SELECT"] * 6 + ["WITH"]
    assert juniper.business.messages.filter(direction="out").count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_cut_is_seen_without_asking() -> None:
    connection.ensure_connection()
    assert connection.is_usable()
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
    assert not connection.is_usable()
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@pytest.mark.django_db(transaction=True)
def test_a_column_that_changes_under_a_kept_plan_is_read_all_the_same() -> None:
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("CREATE TABLE kept (word varchar(3))")
        try:
            other.execute("INSERT INTO kept VALUES ('one')")
            for size, for_any_values in ((9, False), (27, True)):
                assert planned.row("SELECT word FROM kept", {}, for_any_values=for_any_values) == ("one",)
                other.execute(f"ALTER TABLE kept ALTER word TYPE varchar({size})")
                assert planned.row("SELECT word FROM kept", {}, for_any_values=for_any_values) == ("one",)
        finally:
            other.execute("DROP TABLE kept")


def test_what_is_planned_is_planned_once_a_connection(juniper: House) -> None:
    for words in ("Maria", "no such words", "appointment"):
        assert Found(juniper.owner, words).parts == []
        assert people(juniper.business, words, 30).clients == []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE '%too_many%'"
        )
        asked = cursor.fetchall()
    assert len(asked) >= 3
    assert all(anew == 0 and kept for anew, kept in asked), asked


@pytest.mark.django_db(transaction=True)
def test_only_the_statement_itself_is_planned_for_any_values() -> None:
    tenth = "SELECT 10 / %(by)s::int, current_setting('plan_cache_mode')"
    forced, left = (1, "force_generic_plan"), (1, "auto")
    for _ in range(2):
        assert planned.row(tenth, {"by": 10}, for_any_values=True) == forced
        assert planned.row(tenth, {"by": 10}) == left
        with pytest.raises(DataError):
            planned.row(tenth, {"by": 0}, for_any_values=True)
        assert planned.row(tenth, {"by": 10}) == left
        with transaction.atomic():
            with pytest.raises(DataError), transaction.atomic():
                planned.row(tenth, {"by": 0}, for_any_values=True)
            assert planned.row(tenth, {"by": 10}) == left
            assert planned.row(tenth, {"by": 10}, for_any_values=True) == forced
            assert planned.row(tenth, {"by": 10}) == left


def test_another_businesss_conversation_is_not_found(juniper: House, alder: House) -> None:
    theirs = alder.text(alder.client(phone="+15035550199"), "Hello")
    browser = Browser()
    browser.force_login(juniper.owner.user)
    assert browser.post(f"/inbox/{theirs.conversation_id}/send", SENDS).status_code == 404
    assert talk_of(juniper.business, theirs.conversation_id) is None
    assert alder.business.messages.count() == 1
