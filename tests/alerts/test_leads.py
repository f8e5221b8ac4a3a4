"""Who asks to be contacted is texted only if they agreed to it in the form; an email needs no such box."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from parley.leads.writing_in import Written, write_in
from tests.alerts.engine import dues, rule, turn
from tests.people import House

pytestmark = pytest.mark.django_db

PHONE, EMAIL = {"phone": "+15035550118"}, {"email": "maya@okafor.example"}
AGREED = {"agreed_words": "Text me about my request."}
REFUSED = "Maya did not agree to texts in the form."


def test_a_lead_is_texted_only_where_the_box_was_ticked(juniper: House) -> None:
    # What they gave; by which ways the reply goes; what was written, and why nothing was.
    rows: list[tuple[dict[str, Any], tuple[bool, bool], set[str], str]] = [
        (PHONE | AGREED, (True, False), {"sms"}, ""),
        (PHONE | EMAIL | AGREED, (True, True), {"sms", "email"}, ""),
        (PHONE | EMAIL | AGREED, (True, False), {"sms"}, ""),
        (PHONE, (True, False), set(), REFUSED),
        (PHONE | EMAIL, (True, False), set(), REFUSED),
        (PHONE | EMAIL, (True, True), {"email"}, ""),
        (EMAIL, (True, True), {"email"}, ""),
        (EMAIL, (True, False), set(), "Maya has no mobile number."),
    ]
    for given, (sms, email), ways, reason in rows:
        # Each begins where nobody has written in yet.
        with transaction.atomic():
            rule(juniper, "lead", sms=sms, email=email)
            write_in(juniper.business, Written(first_name="Maya", **given))
            turn()
            written = juniper.business.messages.filter(title="New lead reply")
            assert set(written.values_list("channel", flat=True)) == ways, (given, sms, email)
            assert written.count() == len(ways)
            assert dues(juniper, "state", "reason") == [("done" if ways else "dropped", reason)]
            transaction.set_rollback(True)


def test_whoever_is_known_and_writes_again_without_the_box_is_not_texted(juniper: House) -> None:
    """The card and the ledger say that they may be texted: what they asked for this time they did not agree to."""
    first = write_in(juniper.business, Written(first_name="Maya", **PHONE, **AGREED))
    again = write_in(juniper.business, Written(first_name="Maya", **PHONE))
    assert first.client == again.client
    turn()
    assert dues(juniper, "state", "reason", about_id=first.pk) == [("done", "")]
    assert dues(juniper, "state", "reason", about_id=again.pk) == [("dropped", REFUSED)]
    assert juniper.business.messages.filter(title="New lead reply").count() == 1
