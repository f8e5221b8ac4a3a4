"""What is foretold of a campaign is what happens when it is sent."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum
from django.test import Client as Browser
from django.utils import timezone

from parley.campaigns import clock, counting, foretelling, tasks
from parley.campaigns.audience import Audience
from parley.campaigns.models import Campaign, Foretelling, Recipient
from parley.clients.models import Handset, Import, ImportRow
from parley.messaging import revoking
from parley.messaging.models import Message
from parley.numbers.models import PhoneNumber
from tests.campaigns.conftest import Make, begin, people, states
from tests.messaging.test_routing import likes_marketing
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)


def foretold(campaign: Campaign) -> foretelling.Foretold:
    return foretelling.foretell(campaign)


def outcome(campaign: Campaign) -> tuple[int, dict[str, int], int, dict[str, int]]:
    """Who got it, who did not and why, segments, and how many each wording."""
    texts = Message.objects.filter(kind="marketing")
    unfit = {key.partition(":")[2]: n for key, n in states(campaign).items() if key.startswith("skipped:")}
    wordings: dict[str, int] = {}
    for variant in Recipient.objects.filter(campaign=campaign, state="queued").values_list(
        "variant", flat=True
    ):
        wordings[variant] = wordings.get(variant, 0) + 1
    return texts.count(), unfit, texts.aggregate(n=Sum("segments"))["n"] or 0, wordings


def test_what_is_foretold_is_what_happens(juniper: House, campaign: Make) -> None:
    agreed = people(juniper, 14)
    people(juniper, 3, agreed=False, first=20)
    juniper.client("Nobody", "", "")
    gone, land, doubt, spared, long, nameless = people(juniper, 6, first=30)
    revoking.record(
        juniper.business,
        gone.phone,
        category="marketing",
        says="refused",
        how="in_person",  # type: ignore[arg-type]
    )
    Handset.objects.filter(phone=land.phone).update(reach="landline")
    Handset.objects.filter(phone=doubt.phone).update(marketing="doubtful")
    # Before: one had a campaign's text lately.
    before = campaign(audience=Audience(who="picked", picked=(str(spared.pk),)).kept)
    begin(before, juniper)
    clock.write_some()
    Message.objects.filter(kind="marketing").delete()
    type(long).objects.filter(pk=long.pk).update(first_name="M" * 60)
    type(nameless).objects.filter(pk=nameless.pk).update(first_name="")
    # One reads them in French; one has no name, so the words say nothing to them.
    type(agreed[0]).objects.filter(pk=agreed[0].pk).update(language="fr")
    one = campaign(
        "{{ client.first_name }}" + "{% if client.first_name %}, " + "color week is on, see "
        "https://juniper.example/a-rather-long-address-for-everybody-who-wants-to-book {% endif %}",
        wording_b="{% if client.first_name %}Color week, {{ client.first_name }} 💇{% endif %}",
        share_b=30,
        rest_days=7,
    )
    told = foretold(one)
    assert told.unfit == {
        "no_consent": 3,
        "no_number": 1,
        "opted_out": 1,
        "landline": 1,
        "in_doubt": 1,
        "recently": 1,
        "no_words": 1,
    }
    assert set(told.shown) == set(told.unfit) - {"no_words"}
    assert told.shown["landline"] == [str(land.pk)]
    begin(one, juniper)
    while clock.write_some():
        pass
    sent, unfit, texts, wordings = outcome(one)
    assert (told.fit, told.unfit, told.texts, told.variants) == (sent, unfit, texts, wordings)
    assert told.least < told.most
    assert not told.about
    assert (told.at_once, told.later) == (told.fit, 0)


def test_who_would_get_more_than_a_text_holds(juniper: House, campaign: Make, nora: Browser) -> None:
    _, long, longer = people(juniper, 3)
    one = campaign("{{client.first_name}}" * 40 + "M" * 100)
    page = nora.get(f"/campaigns/{one.pk}/edit").content.decode()
    assert "Somebody with a very long name gets nothing" in page
    # Forty times their name: 60 letters are too many, 25 are not.
    for client, letters in ((long, 25), (longer, 60)):
        type(client).objects.filter(pk=client.pk).update(first_name="M" * letters)
    told = foretold(one)
    assert (told.fit, told.unfit) == (2, {"too_long": 1})
    begin(one, juniper)
    clock.write_some()
    assert states(one) == {"queued": 2, "skipped:too_long": 1}
    named = campaign("Color week, {{ client.first_name }}")
    assert "very long name" not in nora.get(f"/campaigns/{named.pk}/edit").content.decode()
    # As the one reads it who is shown, it is too long already.
    juniper.business.clients.update(first_name="M" * 60)
    page = nora.get(f"/campaigns/{campaign('{{client.first_name}}' * 40).pk}/edit").content.decode()
    assert "and a text holds 1,600: they get nothing." in page


def test_the_audience_of_each_choice(juniper: House, alder: House, campaign: Make) -> None:
    everybody = people(juniper, 6)
    theirs = alder.client("Zoe", "Quinn", "+15035559999", tags=["even"])
    likes_marketing(alder, theirs.phone)
    file = Import.objects.create(
        business=juniper.business,
        file_name="people.csv",
        size=1,
        encoding="utf-8",
        delimiter=",",
        skipped=0,
        columns=["Phone"],
        sample=[],
        total=2,
        state="done",
    )
    for number, client in enumerate((everybody[0], everybody[0], None)):
        ImportRow.objects.create(
            business=juniper.business, of=file, number=number, outcome="added", client=client
        )
    type(everybody[1]).objects.filter(pk=everybody[1].pk).update(status="past")
    id = str(everybody[0].pk)
    for asked, fit in (
        (Audience(), 6),
        (Audience(who="some", tags=("even",)), 3),
        (Audience(who="some", tags=("even", "odd"), every_tag=True), 0),
        (Audience(who="some", without_tags=("even",)), 3),
        (Audience(who="some", statuses=("past",)), 1),
        (Audience(who="some", visited="never"), 6),
        (Audience(who="some", visited="within", days=30), 0),
        (Audience(who="picked", picked=(id, str(theirs.pk), "nonsense")), 1),
        (Audience(who="import", imported=str(file.pk)), 1),
        (Audience(who="import", imported=str(uuid.uuid4())), 0),
    ):
        assert foretold(campaign(audience=asked.kept)).fit == fit, asked


def test_hours_and_the_numbers_pace(juniper: House, campaign: Make) -> None:
    """At 9 AM on the West Coast, on the Wednesday after `at_noon`, in Honolulu it is 7 or 6."""
    west = people(juniper, 20)
    island = juniper.client("Leilani", "", "+18085550100")
    likes_marketing(juniper, island.phone)
    wednesday = timezone.localdate() + timedelta(days=1)
    nine = datetime.combine(wednesday, time(9), ZoneInfo("America/Los_Angeles")).astimezone(UTC)
    eight = datetime.combine(wednesday, time(8), ZoneInfo("Pacific/Honolulu")).astimezone(UTC)
    one = campaign(send_at=nine)
    PhoneNumber.objects.filter(duty="marketing").update(pace=2)
    told = foretold(one)
    assert (told.fit, told.at_once, told.later) == (21, 20, 1)
    assert told.opens_at == eight
    assert told.ends_at == eight + timedelta(seconds=0.5)
    type(island).objects.filter(pk=island.pk).delete()
    told = foretold(one)
    assert told.ends_at == nine + timedelta(seconds=len(west) / 2)
    # Too slow for the day: it goes on the next morning, no sooner than that.
    PhoneNumber.objects.filter(duty="marketing").update(pace=20 / 43_200)
    told = foretold(one)
    assert told.ends_at
    thursday = datetime.combine(wednesday + timedelta(days=1), time(8), ZoneInfo("America/Los_Angeles"))
    assert told.ends_at > thursday
    PhoneNumber.objects.filter(duty="marketing").update(pace=0)
    told = foretold(one)
    assert (told.ends_at, told.paced) == (one.send_at, False)
    PhoneNumber.objects.filter(duty="marketing").update(paused="for a test")
    told = foretold(one)
    assert (told.number, told.ends) == (False, "")


def test_it_is_counted_once_and_by_nobody_else(
    juniper: House, alder: House, campaign: Make, monkeypatch: Any
) -> None:
    people(juniper, 3)
    one, page = campaign(), uuid.uuid4()
    assert foretelling.ask(one, page) == foretelling.Answer(None, counting=True)
    assert foretelling.ask(one, page).counting
    row = Foretelling.objects.get()
    tasks.foretell(str(alder.business.pk), str(row.pk))
    assert foretelling.ask(one, page).told is None
    tasks.foretell(str(juniper.business.pk), str(row.pk))
    answer = foretelling.ask(one, page)
    assert answer.told
    assert (answer.told.fit, answer.counting) == (3, False)
    # Other words are counted anew, and what was told before is shown meanwhile.
    one.wording = "Other words"
    answer = foretelling.ask(one, page)
    assert answer.told
    assert answer.counting
    # What its page does not ask any more is not counted.
    other = Foretelling.objects.get(told__isnull=True)
    one.wording = "Others again"
    foretelling.ask(one, page)
    tasks.foretell(str(juniper.business.pk), str(other.pk))
    other.refresh_from_db()
    assert other.told is None
    # Unless it is asked again after all.
    one.wording = "Other words"
    assert foretelling.ask(one, page).counting
    tasks.foretell(str(juniper.business.pk), str(other.pk))
    assert not foretelling.ask(one, page).counting
    # After a while it is counted again; after a day it is gone.
    one.wording = "Color week is Dec 1 to 6."
    Foretelling.objects.filter(pk=row.pk).update(told_at=timezone.now() - timedelta(minutes=11))
    assert foretelling.ask(one, page).counting
    Foretelling.objects.filter(pk=other.pk).update(asked_at=timezone.now() - timedelta(days=2))
    tasks.foretell(str(juniper.business.pk), str(row.pk))
    assert not Foretelling.objects.filter(pk=other.pk).exists()
    assert foretelling.known(one)
    # So many different names: some stand for all.
    monkeypatch.setattr(foretelling, "MOST_WORDS", 2)
    monkeypatch.setattr(foretelling, "SAMPLE", 2)
    monkeypatch.setattr(foretelling, "MOST_PLACES", 0)
    one.wording = "Hi {{ client.first_name }}"
    told = foretold(one)
    assert (told.about, told.fit, told.texts) == (True, 3, 3)
    assert not counting.count_some()
