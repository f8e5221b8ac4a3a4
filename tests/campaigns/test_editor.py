"""Writing a campaign: what is shown, kept, refused, sent; and that nobody else's is touched."""

from __future__ import annotations

import html
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from parley.businesses.models import Member
from parley.businesses.tenancy import new_id
from parley.campaigns import control, foretelling, tasks
from parley.campaigns.models import Campaign, Foretelling
from parley.messaging.models import Message
from parley.numbers.models import PhoneNumber
from parley.quota.models import Balance
from parley.ui.templatetags.ui import weekday
from tests.campaigns.conftest import people
from tests.inbox.conftest import FRAME, SIGNED_IN, SignIn
from tests.people import House

HTMX = {"HTTP_HX_REQUEST": "true"}
# The campaign, the imports, what was foretold, somebody to show it by, the business's number, the addresses' length,
# whom to pick from (those one spoke with, and by name), the tags, the texts left.
PAGE = 10


SOON = (timezone.now() + timedelta(days=100)).date().isoformat()


def text_of(response: Any) -> str:
    """What a page says, without its markup."""
    words = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(words).split())


def posted(campaign: Campaign | None = None, **changes: Any) -> dict[str, Any]:
    """The form as its page comes, with changes; None leaves a field out."""
    form = {
        "name": "Color week",
        "wording": "Color week, {{ client.first_name }}: https://juniper.example/color",
        "wording_b": "",
        "share_b": "50",
        "who": "everyone",
        "tags": "",
        "without_tags": "",
        "visited": "",
        "days": "90",
        "agreed": "",
        "picked": "",
        "rest_days": "7",
        "begins": "now",
        "date": SOON,
        "time": "10:00",
        "canary": "on",
        "page": "01936f2e-0000-7000-8000-000000000001",
        "version": campaign.changed_at.isoformat() if campaign else "",
    }
    return {name: value for name, value in {**form, **changes}.items() if value is not None}


def draft(house: House, **more: Any) -> Campaign:
    values = {"name": "Color week", "wording": "Color week is on.", "changed_by": house.owner}
    return Campaign.objects.create(business=house.business, changed_at=timezone.now(), **(values | more))


def count(house: House) -> None:
    """Do the job of what was asked last."""
    tasks.foretell(str(house.business.pk), str(Foretelling.objects.latest("asked_at").pk))


def edit(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.pk}/edit"


def test_a_draft_is_kept_once_something_is_saved(juniper: House, nora: Browser) -> None:
    juniper.client()
    page = nora.get("/campaigns/new")
    said = text_of(page)
    for words in (
        "New campaign",
        "Who gets it",
        "As Maya would see it",
        "Try two wordings",
        "Send…",
        "Save draft",
    ):
        assert words in said, words
    assert "object at" not in page.content.decode()
    assert not Campaign.objects.exists()
    id = str(uuid.uuid4())
    new = posted(id=id, wording="Hi {{ client.first_name", begins="at", date="")
    # A draft may be unfinished, but for its name; and nothing typed is lost.
    response = nora.post("/campaigns/new", new | {"name": " "})
    assert response.status_code == 422
    assert "Give it a name." in text_of(response)
    assert "Hi {{ client.first_name" in html.unescape(response.content.decode())
    assert not Campaign.objects.exists()
    new |= {"begins": "now"}
    for _ in range(2):  # a double click is one
        response = nora.post("/campaigns/new", new)
        assert (response.status_code, response["Location"]) == (302, f"/campaigns/{id}/edit")
    one = Campaign.objects.get()
    assert (one.status, one.changed_by, one.share_b, one.audience["who"]) == (
        "draft",
        juniper.owner,
        0,
        "everyone",
    )
    assert "A detail is not closed" in text_of(nora.get(edit(one)))
    changes = posted(
        one,
        two="on",
        wording_b="Hello {{ client.first_name }}",
        share_b="20",
        who="some",
        tags="Balayage, new mom,balayage",
        every_tag="all",
        statuses=["lead", "past"],
        visited="not_within",
        spare="on",
        rest_days="14",
        begins="at",
        canary=None,
    )
    assert nora.post(edit(one), changes).status_code == 302
    one.refresh_from_db()
    assert (one.share_b, one.rest_days, one.canary) == (20, 14, False)
    assert one.audience["tags"] == ["Balayage", "new mom"]
    assert (one.audience["every_tag"], one.audience["statuses"]) == (True, ["lead", "past"])
    assert one.send_at
    assert one.send_at.astimezone(juniper.business.zone).isoformat().startswith(f"{SOON}T10:00:00-0")
    again = nora.get(edit(one)).content.decode()
    assert 'value="Balayage, new mom"' in again
    # Used again: a new draft with all of it but its time; then it is deleted.
    press = {"press": str(uuid.uuid4())}
    leads = {nora.post(f"/campaigns/{one.pk}/again", press)["Location"] for _ in range(2)}
    copy = Campaign.objects.exclude(pk=one.pk).get()
    assert leads == {edit(copy)}
    assert (copy.audience, copy.wording_b, copy.send_at) == (one.audience, one.wording_b, None)
    assert "are gone then" in text_of(nora.get(f"/campaigns/{copy.pk}/delete"))
    nora.post(f"/campaigns/{copy.pk}/delete")
    assert Campaign.objects.get() == one


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"wording": ""}, "Write what they should read."),
    ({"wording": "Hi {{ client.frist_name }}"}, "Did you mean client.first_name?"),
    ({"wording": "x" * 1001}, "Keep it to 1,000."),
    ({"two": "on", "wording_b": ""}, "Write what they should read."),
    ({"who": "some"}, "Say who: a tag, a status, or when they last came."),
    ({"who": "some", "tags": "x" * 41}, "is too long for a tag"),
    ({"who": "some", "visited": "within", "days": ""}, "Enter how many days."),
    ({"who": "picked", "picked": "nonsense"}, "Pick at least one person."),
    ({"who": "import"}, "Choose an import."),
    ({"spare": "on", "rest_days": "91"}, "looks back 90 days at most"),
    ({"begins": "at", "date": "2020-01-01"}, "This time has passed."),
    ({"begins": "at", "date": "2026-13-01"}, "Choose a date."),
    ({"begins": "at", "date": "2096-01-01"}, "Choose a day within a year."),
    ({"begins": "at", "date": "2027-03-14", "time": "02:30"}, "The clocks skip this time on that day."),
]


def test_what_is_not_fit_to_be_sent_is_said_where_it_is(juniper: House, nora: Browser) -> None:
    one = draft(juniper)
    for changes, words in REFUSED:
        response = nora.post(edit(one), posted(one, send="1", **changes))
        assert response.status_code == 422, changes
        assert words in text_of(response), changes
    one.refresh_from_db()
    assert one.wording == "Color week is on."
    # Nor by the last look's address.
    Campaign.objects.update(wording="")
    response = nora.post(f"/campaigns/{one.pk}/send", {"version": one.changed_at.isoformat()})
    assert response["Location"].endswith("/edit?unfit")
    assert "Write what they should read." in text_of(nora.get(response["Location"]))
    assert Campaign.objects.get().status == "draft"


def test_it_is_sent_after_a_last_look(juniper: House, nora: Browser) -> None:
    one = draft(juniper)
    PhoneNumber.objects.create(number="+18445550110", duty="marketing", pace=0, approved_at=timezone.now())
    people(juniper, 3)
    response = nora.post(edit(one), posted(one, send="1"))
    assert response["Location"].endswith("/edit?send")
    one.refresh_from_db()
    assert one.status == "draft"
    tasks.foretell(str(juniper.business.pk), str(Foretelling.objects.latest("asked_at").pk))
    look = nora.get(f"/campaigns/{one.pk}/send")
    said = text_of(look)
    for words in (
        "Send it now?",
        "Get it 3 clients",
        "Juniper Hair Studio: Color week, Client2: http",
        "/l/0",
    ):
        assert words in said, words
    version = re.search(r'name="version" value="([^"]+)"', look.content.decode())
    assert version
    # Jules saves something in between: it is looked at again first.
    Campaign.objects.update(changed_at=timezone.now(), changed_by=juniper.staff)
    response = nora.post(f"/campaigns/{one.pk}/send", {"version": version[1]})
    assert (response.status_code, "Jules changed this meanwhile" in text_of(response)) == (409, True)
    one.refresh_from_db()
    response = nora.post(f"/campaigns/{one.pk}/send", {"version": one.changed_at.isoformat()})
    assert (response.status_code, response["Location"]) == (302, f"/campaigns/{one.pk}")
    one.refresh_from_db()
    assert (one.status, one.started_by) == ("scheduled", juniper.owner)
    # Pressed twice, or looked at before the clock has: it is on its way, and nobody is told that its time has passed.
    for again in (
        nora.post(f"/campaigns/{one.pk}/send", {"version": one.changed_at.isoformat()}),
        nora.get(edit(one)),
    ):
        assert (again.status_code, again["Location"]) == (302, f"/campaigns/{one.pk}")
    page = text_of(nora.get(f"/campaigns/{one.pk}"))
    assert "It begins in a moment. Back to draft" in page
    # With a time, it waits, and can be changed in place or taken back; once it has begun, not any more.
    zone = juniper.business.zone
    at_nine = (timezone.now() + timedelta(days=20)).astimezone(zone).replace(hour=9, minute=0)
    later = draft(juniper, send_at=at_nine)
    nora.get(f"/campaigns/{later.pk}/send")
    count(juniper)
    nora.post(f"/campaigns/{later.pk}/send", {"version": later.changed_at.isoformat()})
    later.refresh_from_db()
    assert later.status == "scheduled"
    assert later.fit == 3
    assert f"Starts {weekday(at_nine, zone)} at 9:00 AM, to about 3" in text_of(nora.get("/campaigns"))
    at = {"begins": "at", "date": (timezone.now() + timedelta(days=4)).date().isoformat()}
    assert nora.post(edit(later), posted(later, wording="", **at)).status_code == 422
    assert nora.post(edit(later), posted(later, begins="now")).status_code == 422
    assert nora.post(edit(later), posted(later, wording="New words", **at)).status_code == 302
    later.refresh_from_db()
    assert (later.status, later.wording, later.fit) == ("scheduled", "New words", 0)
    count(juniper)
    later.refresh_from_db()
    assert later.fit == 3
    # What is typed and not saved is counted too, and says nothing of the campaign as it waits.
    later.audience = {"who": "some", "tags": ["Nobody has it"]}
    Foretelling.objects.all().delete()
    foretelling.ask(later, new_id())
    count(juniper)
    later.refresh_from_db()
    assert later.fit == 3
    nora.post(f"/campaigns/{later.pk}/delete")
    nora.post(f"/campaigns/{later.pk}/unschedule")
    later.refresh_from_db()
    assert later.status == "draft"
    Campaign.objects.filter(pk=one.pk).update(status="sending")
    before = posted(one, wording="Too late")
    for address in (edit(one), "/campaigns/new"):
        response = nora.post(address, before | {"id": str(one.pk)})
        assert (response.status_code, response["Location"]) == (302, f"/campaigns/{one.pk}")
    nora.post(f"/campaigns/{one.pk}/delete")
    one.refresh_from_db()
    assert "Too late" not in one.wording
    # No texting, no sending.
    juniper.business.texting = False
    juniper.business.save()
    nora.post(f"/campaigns/{later.pk}/send", {"version": later.changed_at.isoformat()})
    later.refresh_from_db()
    assert later.status == "draft"
    assert control.why_not_begin(juniper.business) in text_of(nora.get(edit(later)))


def test_a_day_that_no_calendar_has_is_said_where_it_is(juniper: House, nora: Browser) -> None:
    one = draft(juniper)
    for day in ("9999-12-31", "0001-01-01", "2040-01-01"):
        typed = posted(one, begins="at", date=day, time="23:30")
        response = nora.post(edit(one), typed)
        assert (response.status_code, "Choose a day within a year." in text_of(response)) == (422, True), day
        assert nora.post("/campaigns/foretelling", typed).status_code == 200
    one.refresh_from_db()
    assert one.send_at is None


def test_two_who_edit_at_once_lose_nothing(juniper: House, nora: Browser) -> None:
    one = draft(juniper)
    mine = posted(one, wording="Mine")
    Campaign.objects.update(wording="Theirs", changed_at=timezone.now(), changed_by=juniper.staff)
    response = nora.post(edit(one), mine)
    said = text_of(response)
    assert response.status_code == 409
    assert "Jules changed this just now." in said
    assert "Mine" in said
    one.refresh_from_db()
    assert one.wording == "Theirs"
    version = re.search(r'name="version" value="([^"]+)"', response.content.decode())
    assert version
    assert nora.post(edit(one), mine | {"version": version[1]}).status_code == 302
    one.refresh_from_db()
    assert one.wording == "Mine"


def test_people_are_picked_and_looked_for(juniper: House, alder: House, nora: Browser) -> None:
    maya, leo = juniper.client(), juniper.client("Leo", "Park", "+15035550119")
    theirs = alder.client("Zoe", "Quinn", "+14165550118")
    one = draft(juniper)
    typed = posted(one, name="Typed", who="picked", picked=f"{maya.pk}")
    # Without scripts all is shown again as it was typed; nothing is saved.
    page = text_of(nora.post(edit(one), typed | {"add": str(leo.pk)}))
    assert "2 picked" in page
    found = nora.post(
        "/campaigns/picked", typed | {"pick_q": "leo"}, **HTMX, HTTP_HX_TARGET="div#picked-found"
    )
    assert "Leo Park" in text_of(found)
    assert "Maya" not in text_of(found)
    picked = nora.post("/campaigns/picked", typed | {"add": str(leo.pk)}, **HTMX)
    assert f'value="{maya.pk},{leo.pk}"' in picked.content.decode()
    assert "1 picked" in text_of(nora.post("/campaigns/picked", typed | {"add": str(theirs.pk)}, **HTMX))
    assert "Zoe" not in text_of(nora.post("/campaigns/picked", typed | {"pick_q": "zoe"}, **HTMX))
    assert "Nobody is picked" in text_of(
        nora.post("/campaigns/picked", typed | {"remove": str(maya.pk)}, **HTMX)
    )
    one.refresh_from_db()
    assert one.name == "Color week"
    nora.post(edit(one), typed | {"picked": f"{maya.pk},{theirs.pk}"})
    one.refresh_from_db()
    assert one.audience["picked"] == [str(maya.pk)]


def test_what_is_typed_is_shown_counted_and_tried_out(juniper: House, nora: Browser) -> None:
    juniper.client()
    typed = posted(id=str(uuid.uuid4()), two="on", wording_b="Hello “{{ client.first_name }}” ✂")
    said = text_of(nora.post("/campaigns/preview", typed, **HTMX))
    for words in (
        "Juniper Hair Studio: Color week, Maya: http",
        "Reply STOP to opt out, or http",
        "Juniper Hair Studio: Hello",
        "a segment then holds 67 characters",
        "Without a name they read: “Juniper Hair Studio: Hello",
    ):
        assert words in said, words
    assert "Counting…" in text_of(nora.post("/campaigns/foretelling", typed, **HTMX))
    tasks.foretell(str(juniper.business.pk), str(Foretelling.objects.get().pk))
    said = text_of(nora.post("/campaigns/foretelling", typed, **HTMX))
    for words in (
        "Get it 0 clients",
        "1 Have not agreed to offers Ask them, and note it on their card.",
        "Maya Okafor",
    ):
        assert words in said, words
    # A test asks for one's own mobile once; both wordings come.
    assert "problem" in nora.post("/campaigns/test", typed | {"my_mobile": "12"}, **HTMX).content.decode()
    press = {"my_mobile": "503 555 0171", "press": str(uuid.uuid4())}
    for _ in range(2):
        said = text_of(nora.post("/campaigns/test", typed | press, **HTMX))
        assert said.count("Text sent to (503) 555-0171.") == 2, said
    assert Member.objects.get(pk=juniper.owner.pk).phone == "+15035550171"
    texts = list(Message.objects.order_by("at", "id"))
    assert [text.title for text in texts] == ["Test: Color week"] * 2
    assert "https://juniper.example/color" in texts[0].body
    assert texts[0].body.endswith("/campaigns")
    assert "Mend the words first." in text_of(nora.post("/campaigns/test", typed | {"wording": "{{"}, **HTMX))
    assert not Campaign.objects.exists()
    # More than are left is said, and not refused.
    one = draft(juniper)
    for client in people(juniper, 3):
        assert client.phone
    Balance.objects.update(monthly=1, bought=0)
    nora.post(edit(one), posted(one, send="1"))
    tasks.foretell(str(juniper.business.pk), str(Foretelling.objects.latest("asked_at").pk))
    assert "more than the 1 texts you have left" in text_of(nora.get(f"/campaigns/{one.pk}/send"))


def test_only_managers_and_nobody_elses(juniper: House, alder: House, nora: Browser, sign_in: SignIn) -> None:
    theirs = draft(alder, wording="Secret of Alder's")
    with_id = posted(id=str(theirs.pk))
    for verb in ("edit", "send", "delete"):
        assert nora.get(f"/campaigns/{theirs.pk}/{verb}").status_code == 404, verb
    for verb in ("edit", "send", "delete", "unschedule", "again"):
        assert nora.post(f"/campaigns/{theirs.pk}/{verb}", with_id).status_code == 404, verb
    assert nora.post("/campaigns/new", with_id).status_code == 404
    assert "Secret" not in text_of(nora.post("/campaigns/preview", with_id, **HTMX))
    staff, mine = sign_in(juniper.staff), draft(juniper)
    for address in ("new", f"{mine.pk}/edit", f"{mine.pk}/send", f"{mine.pk}/delete"):
        assert staff.get(f"/campaigns/{address}").status_code == 403, address
        assert staff.post(f"/campaigns/{address}", with_id).status_code == 403, address
    for address in ("preview", "picked", "foretelling", "test", f"{mine.pk}/unschedule", f"{mine.pk}/again"):
        assert staff.post(f"/campaigns/{address}", with_id).status_code == 403, address
        assert Browser().post(f"/campaigns/{address}", with_id).status_code == 302, address
    assert set(Campaign.objects.values_list("status", flat=True)) == {"draft"}
    assert Campaign.objects.count() == 2


@pytest.mark.django_db
def test_a_page_costs_the_same_however_much_there_is(juniper: House, nora: Browser) -> None:
    def cost(one: Campaign) -> int:
        nora.get(edit(one))
        with CaptureQueriesContext(connection) as queries:
            assert nora.get(edit(one)).status_code == 200
        return len(queries)

    people(juniper, 2)
    one = draft(juniper)
    assert cost(one) == SIGNED_IN + FRAME + PAGE
    everybody = people(juniper, 30, agreed=False, first=10)
    one.audience = {"who": "picked", "picked": [str(client.pk) for client in everybody]}
    one.save()
    # And who is picked.
    assert cost(one) == SIGNED_IN + FRAME + PAGE + 1
