"""A campaign as a table: everybody once, in little memory, and nothing in it that a spreadsheet would carry out."""

from __future__ import annotations

import csv
import tracemalloc
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from parley.campaigns import export
from parley.campaigns.models import Campaign, Recipient
from tests.people import House

HOSTILE = [
    '=cmd|" /C calc"!A0',
    "+1 503 555 0118",
    "@SUM(A1:A9)",
    "-2+3",
    "\t=1+1",
    "  =1+1",
    'Quo"ted, with a comma',
    "Two\nlines",
    "Zoë 💚",
]


@pytest.fixture
def sent(juniper: House) -> Campaign:
    now = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
    return Campaign.objects.create(
        business=juniper.business,
        name="=Holiday; color/week",
        wording="Color week",
        status="sent",
        started_at=now,
        ended_at=now,
        changed_at=now,
    )


def read(browser: Browser, campaign: Campaign) -> list[list[str]]:
    response = browser.get(f"/campaigns/{campaign.pk}/export")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    today = timezone.localdate(timezone=campaign.business.zone)
    assert f'"holiday-colorweek-{today}.csv"' in response.headers["Content-Disposition"]
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.reader(text.splitlines(keepends=True)))


@pytest.mark.django_db
def test_hostile_names_stay_words(juniper: House, sent: Campaign) -> None:
    browser = Browser()
    browser.force_login(juniper.owner.user)
    for n, name in enumerate(HOSTILE):
        client = juniper.client(name, "", f"+1503555{n:04}")
        Recipient.objects.create(
            business=juniper.business,
            campaign=sent,
            client=client,
            phone=client.phone,
            place=n + 1,
            state="delivered" if n else "skipped",
            code="" if n else "no_consent",
            opens_at=sent.started_at,
            queued_at=sent.started_at,
        )
    headings, *rows = read(browser, sent)
    assert headings == list(export.HEADINGS)
    assert len(rows) == len(HOSTILE)
    for row in rows:
        assert len(row) == len(headings)
        assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row), row
    by_name = {row[0]: row for row in rows}
    assert by_name["'" + HOSTILE[0]][3:5] == [
        "Not sent",
        "Has not agreed to offers. Ask them, and note it on their card.",
    ]
    at = f"{sent.started_at.astimezone(sent.business.zone):%Y-%m-%d %H:%M:%S}"
    for kept in HOSTILE[6:]:
        assert by_name[kept][1:6] == [by_name[kept][1], "", "Delivered", "", at]


FILL = """
    INSERT INTO campaigns_recipient
        (business_id, campaign_id, client_id, phone, place, variant, state, code, opens_at, segments, tries)
    SELECT %(business)s, %(campaign)s, %(client)s, '+1' || (2000000000 + n), n, 'a',
           (ARRAY['delivered', 'failed', 'skipped'])[1 + n %% 3], '', %(at)s, 1, 0
    FROM generate_series(1, %(number)s) n
"""


@pytest.mark.django_db
def test_many_come_once_each_in_little_memory(juniper: House, sent: Campaign) -> None:
    number = 6_000
    given = {
        "business": juniper.business.pk,
        "campaign": sent.pk,
        "client": juniper.client().pk,
        "at": sent.started_at,
        "number": number,
    }
    with connection.cursor() as cursor:
        cursor.execute(FILL, given)
    sent.business = juniper.business
    phones: set[str] = set()
    count = 0
    tracemalloc.start()
    for row in export.rows(sent):
        count += 1
        if count % 7 == 0:
            phones.add(row[1])
        if count == number // 4:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            held = len(phones)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == number
    assert len(phones) == number // 7
    # A batch, and what this test holds itself.
    assert peak - before < 2_000_000 + 200 * (len(phones) - held)
