"""A log line says what happened, never whom it happened to."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from logging import LogRecord

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Browser

from parley.config import logs
from parley.config.logs import Json, Text, masked
from tests.people import House

# What is handed to a log, and what may be left of it.
MASKED = [
    ("from +15035550142 to +442079460123", "from +1•••••0142 to +4•••••0123"),
    ("From=%2B15035550142&Body", "From=%2B1•••••0142&Body"),
    ("number 5035550142 or 15035550142.", "number •••••0142 or •••••0142."),
    ("(503) 555-0142, 503-555-0142", "•••••0142, •••••0142"),
    ("GET /clients?q=Maya+Okafor&in=7 failed", "GET /clients?… failed"),
    ("GET /clients?Maya", "GET /clients?…"),
    ("https://api.example.com/Messages.json?To=x", "https://api.example.com/Messages.json?…"),
    ("Internal Server Error: /join/Zm9yIHlvdSBhbG9uZQ", "Internal Server Error: /join/…"),
    ("Internal Server Error: /sign-in/forgot/2-c5kx-77aa", "Internal Server Error: /sign-in/forgot/…"),
    ("Internal Server Error: /e/aJOlVS-OhTQZJyXwHdsN0A/answer", "Internal Server Error: /e/…/answer"),
    ("GET /p/_JOlVS-OhTQZJyXwHdsN0A", "GET /p/…"),
    ("no mail to nora.kim+a@juniper.example", "no mail to •••@juniper.example"),
    ("Authorization: Bearer aGVsbG8td29ybGQ", "Authorization: Bearer …"),
    ("Stripe sk_live_hunter2 whsec_hunter2", "Stripe sk_… whsec_…"),
    # What an operator needs stays.
    ("attempt 0199a1b2-5035-7555-8142-5035550142aa", "attempt 0199a1b2-5035-7555-8142-5035550142aa"),
    ("503 after 1.5 s; is that so? yes", "503 after 1.5 s; is that so? yes"),
    ("event 5035550142000 of 2026-11-26T10:00:00", "event 5035550142000 of 2026-11-26T10:00:00"),
    ("10.20.30.40:5432 in 12345678 ms", "10.20.30.40:5432 in 12345678 ms"),
]


def test_what_is_taken_out() -> None:
    for given, left in MASKED:
        assert masked(given) == left


def test_our_own_secrets_are_taken_out_wherever_they_turn_up() -> None:
    assert settings.SECRET_KEY not in masked(f"a cookie signed with {settings.SECRET_KEY}!")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged from here on, as JSON and as text, as the settings of a production machine would."""
    kept = io.StringIO()
    handlers = []
    for formatter in (Json(), Text()):
        handler = logging.StreamHandler(kept)
        handler.setFormatter(formatter)
        handlers.append(handler)
        logging.getLogger().addHandler(handler)
    yield kept
    for handler in handlers:
        logging.getLogger().removeHandler(handler)


def fails(body: str) -> None:
    """What a failing statement holds: the row, and so the words and the number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO clients_client (id, first_name, phone) VALUES (gen_random_uuid(), %s, '+15035550142')",
            [body],
        )


@pytest.mark.django_db(transaction=True)
def test_an_exception_says_where_and_of_what_kind_but_not_its_words(log: io.StringIO) -> None:
    canary = "My husband must not know"
    try:
        try:
            fails(canary)
        except Exception as error:
            raise ValueError(f"not written: {canary}") from error
    except ValueError:
        logging.getLogger("parley.messaging").exception("a text from %s was not read", "+15035550142")
    lines = log.getvalue().splitlines()
    line = json.loads(lines[0])
    assert line["event"] == "a text from +1•••••0142 was not read"
    assert line["level"] == "error"
    assert line["exception"][0] == "builtins.ValueError"
    assert any(" in fails" in one for one in line["exception"])
    # psycopg's own error is below Django's, and names the rule that was broken.
    assert any("23502" in one and "clients_client" in one for one in line["exception"])
    assert lines[1] == "ERROR parley.messaging: a text from +1•••••0142 was not read"
    assert len(lines) > 3, "the text format shows the lines that it went through"
    for word in (canary, "5035550142", "Failing row"):
        assert word not in log.getvalue()


def test_a_line_is_one_line_and_fields_are_kept(log: io.StringIO) -> None:
    told = {"found": 3, "sender": "+15035550142", "request": object(), "late": True}
    logging.getLogger("parley.x").warning("two\nlines of %s", "a\nstranger", extra=told)
    line = json.loads(log.getvalue().splitlines()[0])
    assert line["event"] == "two lines of a stranger"
    assert line["fields"] == {"found": 3, "sender": "+1•••••0142", "late": True}
    record = LogRecord(
        "asyncio", logging.ERROR, "", 0, "Task exception was never retrieved\nfuture: words", (), None
    )
    assert json.loads(Json().format(record))["event"] == "Task exception was never retrieved"


@pytest.mark.django_db(transaction=True)
def test_canaries_are_in_no_log(juniper: House, log: io.StringIO) -> None:
    """T23 in small: words, numbers, keys through pages that answer, refuse and fail."""
    words, number, key = "Only-for-your-eyes", "+15035550199", "Zm9yIHlvdSBhbG9uZQ"
    browser = Browser(raise_request_exception=False)
    browser.force_login(juniper.owner.user)
    client = juniper.client(phone=number, first=words)
    for path in (f"/clients?q={words}", f"/?q={words}", f"/join/{key}", f"/{words}?phone={number}"):
        browser.get(path)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE clients_client RENAME phone TO phone_away")
    try:
        for path in (f"/clients?q={words}&p={number}", f"/join/{key}", f"/clients/{client.pk}"):
            browser.get(path)
        browser.post(f"/clients/new?name={words}", {"first_name": words, "phone": number, "email": ""})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE clients_client RENAME phone_away TO phone")
    said = log.getvalue()
    assert "Internal Server Error: /clients" in said, "a page must have failed for this to mean anything"
    assert "psycopg.errors.UndefinedColumn" in said
    for secret in (words, number[2:], key, "sessionid", juniper.owner.user.email):
        assert secret not in said


def test_what_ends_a_process_is_logged_without_its_words(log: io.StringIO) -> None:
    error = psycopg.OperationalError("password of +15035550142 is hunter2")
    logs.excepthook(type(error), error, None)
    assert "the process ends" in log.getvalue()
    assert "hunter2" not in log.getvalue()


def test_people_get_text_unless_json_is_asked_for() -> None:
    """That JSON is, every process of test_watch shows."""
    assert settings.LOGGING["formatters"]["line"] == {"()": "parley.config.logs.Text"}
