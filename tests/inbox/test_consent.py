"""What members see and record of a client's consent: the card, the question, the list of opt-outs, the file."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from parley.clients import consent
from parley.clients.consent import Category, How, Says
from parley.clients.models import Consent, Handset
from parley.inbox.opt_outs import HEADINGS, later_by
from parley.messaging import revoking
from tests.inbox.conftest import SIGNED_IN, SignIn
from tests.people import House

MAYA, OURS = "+15035550118", "+18555550142"
CARD = {"HX-Request": "true", "HX-Target": "div#client-card"}
DIALOG = {"HX-Request": "true", "HX-Target": "dialog#dialog"}
HTMX = {"HX-Request": "true"}
ALL, SERVICE, MARKETING = Category.ALL, Category.SERVICE, Category.MARKETING


def say(house: House, says: Says, words: str = "", *, phone: str = MAYA, **more: Any) -> Consent:
    """A line of the ledger, by text unless told otherwise."""
    how = more.pop("how", How.TEXT)
    ours = OURS if how == How.TEXT else ""
    consent.record(
        house.business,
        phone,
        category=more.pop("category", ALL),
        says=says,
        how=how,
        words=words,
        our_number=ours,
        **more,
    )
    return house.business.consents.latest("id")


def holds(house: House, phone: str = MAYA) -> tuple[str, str]:
    known = consent.handset(house.business, phone)
    return (known.service, known.marketing) if known else ("", "")


def plain(html: bytes) -> str:
    """The words of a page, without its tags."""
    text = re.sub(r"<(svg|script|style).*?</\1>", "", html.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split()).replace(" .", ".").replace(" ,", ",")


@pytest.fixture
def jules(juniper: House, sign_in: SignIn) -> Browser:
    """A browser of somebody who is staff."""
    return sign_in(juniper.staff)


# ---- The card


def test_the_card_tells_what_holds_and_why(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    address = f"/clients/{maya.pk}"
    said = plain(nora.get(address, headers=CARD).content)
    assert "Service texts Never asked you to stop" in said
    assert "No marketing Never agreed to it" in said
    say(juniper, Says.AGREED, "Yes to offers", how=How.WEB_FORM, category=MARKETING)
    said = plain(nora.get(address, headers=CARD).content)
    assert re.search(r"Marketing Agreed to marketing \w+, \w+ \d+, \d+:\d+ [AP]M, on a web form\.", said)
    assert "“Yes to offers”" in said
    say(juniper, Says.REFUSED, "no offers", category=MARKETING)
    said = plain(nora.get(address, headers=CARD).content)
    assert "Service texts Never asked you to stop" in said
    assert "No marketing Opted out of marketing" in said
    say(juniper, Says.REFUSED, "STOP")
    said = plain(nora.get(address, headers=CARD).content)
    assert "No service texts Opted out of all texts" in said
    assert "only they can undo it: by texting START to (855) 555-0142." in said
    assert "Undo" not in said
    assert "Record an opt-out" not in said
    assert "Record consent" not in said
    say(juniper, Says.AGREED, "START", category=SERVICE)
    said = plain(nora.get(address, headers=CARD).content)
    assert "Service texts Agreed to service texts" in said
    # Three lines, and the way to the rest.
    assert said.count("“") == 3
    assert "Show all" in said
    whole = plain(nora.get(f"{address}/consent").content)
    assert whole.index("“START”") < whole.index("“STOP”") < whole.index("“Yes to offers”")


REACHES = [
    ("landline", "Landline", "Ask for a mobile number"),
    ("invalid", "Not a working number", "ask for the new number"),
    ("unreachable", "Out of reach lately", "You can still try"),
]


def test_the_card_says_that_a_number_is_not_reached_and_what_helps(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    for reach, title, help in REACHES:
        Handset.objects.update_or_create(
            business=juniper.business, phone=MAYA, defaults={"reach": reach, "changed_at": timezone.now()}
        )
        said = plain(nora.get(f"/clients/{maya.pk}", headers=CARD).content)
        assert title in said
        assert help in said


@pytest.mark.parametrize("count", [5, 300])
def test_the_card_and_the_lists_cost_the_same_for_few_and_many(
    nora: Browser, juniper: House, count: int, django_assert_num_queries: Any
) -> None:
    maya = juniper.client()
    first = say(juniper, Says.REFUSED, "STOP")
    copies = [Consent(**{f.attname: getattr(first, f.attname) for f in Consent._meta.fields} | {"id": None})]
    Consent.objects.bulk_create(copies * (count - 1))
    # Client, its ledger's newest, what holds, the lines that say so; what is to come, and what is asked for.
    with django_assert_num_queries(SIGNED_IN + 1 + 3 + 2):
        nora.get(f"/clients/{maya.pk}", headers=CARD)
    with django_assert_num_queries(SIGNED_IN + 2):
        nora.get(f"/clients/{maya.pk}/consent", headers=DIALOG)
    more = {"HX-Request": "true", "HX-Target": "li#more"}
    with django_assert_num_queries(SIGNED_IN + 2):
        nora.get("/clients/opt-outs", headers=more)
    # Doubts are looked for among the numbers that are in doubt.
    with django_assert_num_queries(SIGNED_IN + 1):
        nora.get("/clients/opt-outs?show=waiting", headers=more)


# ---- Recording


def test_an_opt_out_told_in_person_is_recorded_as_it_was_told(jules: Browser, juniper: House) -> None:
    maya = juniper.client()
    address = f"/clients/{maya.pk}/opt-out"
    assert "Record an opt-out" in jules.get(address).content.decode()
    typed = {"scope": "all", "how": "by_phone", "said_at": "2026-01-15T09:30", "words": "No more, please"}
    answer = jules.post(address, typed)
    assert answer["Location"] == f"/clients/{maya.pk}"
    line = juniper.business.consents.get()
    assert (line.says, line.category, line.how, line.words) == (
        "refused",
        "all",
        "by_phone",
        "No more, please",
    )
    assert (line.by_id, line.by_name) == (juniper.staff.pk, "Jules Martin")
    assert line.said_at == datetime(2026, 1, 15, 17, 30, tzinfo=UTC)
    assert holds(juniper) == ("refused", "refused")
    said = plain(jules.get(f"/clients/{maya.pk}").content)
    assert "Recorded: no more texts go to Maya." in said
    assert "by phone. Recorded by Jules Martin." in said
    # Staff are told who can undo it; they are not led to a closed door.
    assert "An owner or admin can undo it." in said


def test_marketing_alone_can_be_refused_from_the_dialog(jules: Browser, juniper: House) -> None:
    maya = juniper.client()
    typed = {"scope": "marketing", "how": "on_paper", "said_at": "", "words": ""}
    answer = jules.post(f"/clients/{maya.pk}/opt-out", typed, headers=DIALOG)
    assert answer["HX-Redirect"] == f"/clients/{maya.pk}"
    assert holds(juniper) == ("", "refused")
    assert abs(juniper.business.consents.get().said_at - timezone.now()) < timedelta(minutes=1)


TOMORROW = f"{datetime.now() + timedelta(days=2):%Y-%m-%dT%H:%M}"
GOOD_OPT_OUT = {"scope": "all", "how": "in_person", "said_at": "", "words": "Stop"}
GOOD_AGREED = {"how": "on_paper", "said_at": "", "words": "I agree to offers"}
# The page, what is typed beside what is good, and what is said at which field.
REFUSED_FORMS = [
    ("opt-out", GOOD_OPT_OUT, {"said_at": TOMORROW}, "said_at", "still to come"),
    ("opt-out", GOOD_OPT_OUT, {"said_at": "yesterday"}, "said_at", "Choose a date and a time."),
    ("opt-out", GOOD_OPT_OUT, {"said_at": "0202-01-15T09:30"}, "said_at", "before there were texts"),
    ("opt-out", GOOD_OPT_OUT, {"said_at": "0001-01-01T00:00+14:00"}, "said_at", "Choose a date and a time."),
    ("opt-out", GOOD_OPT_OUT, {"how": ""}, "how", "Choose how they told you."),
    ("opt-out", GOOD_OPT_OUT, {"how": "text"}, "how", "Choose how they told you."),
    ("opt-out", GOOD_OPT_OUT, {"how": "member"}, "how", "Choose how they told you."),
    ("opt-out", GOOD_OPT_OUT, {"scope": "service"}, "scope", "Choose what they want."),
    ("opt-out", GOOD_OPT_OUT, {"words": "x" * 1601}, "words", "1,601 characters"),
    ("agrees", GOOD_AGREED, {"words": " "}, "words", "without them it is no proof"),
    ("agrees", GOOD_AGREED, {"how": "carrier"}, "how", "Choose how they agreed."),
    ("agrees", GOOD_AGREED, {"said_at": TOMORROW}, "said_at", "still to come"),
]


def test_what_cannot_be_recorded_is_said_at_its_field_and_nothing_typed_is_lost(
    jules: Browser, juniper: House
) -> None:
    maya = juniper.client()
    for page, good, wrong, field, words in REFUSED_FORMS:
        answer = jules.post(f"/clients/{maya.pk}/{page}", good | wrong)
        html = answer.content.decode()
        assert answer.status_code == 422, wrong
        problem = re.search(rf'id="id_{field}_error".*?</p>', html, re.DOTALL)
        assert problem, (wrong, html)
        assert words in problem[0]
        if field != "words":
            assert good["words"] in html
    assert not juniper.business.consents.exists()


def test_an_opt_out_that_holds_is_not_recorded_over(jules: Browser, juniper: House) -> None:
    maya = juniper.client()
    say(juniper, Says.REFUSED, "STOP")
    answer = jules.post(f"/clients/{maya.pk}/opt-out", GOOD_OPT_OUT)
    assert answer.status_code == 422
    assert "They have opted out of all texts already" in answer.content.decode()
    assert juniper.business.consents.count() == 1


def test_consent_to_marketing_keeps_the_words(jules: Browser, juniper: House) -> None:
    maya = juniper.client()
    address = f"/clients/{maya.pk}/agrees"
    answer = jules.post(address, GOOD_AGREED)
    assert answer["Location"] == f"/clients/{maya.pk}"
    assert holds(juniper) == ("", "agreed")
    line = juniper.business.consents.get()
    assert (line.how, line.words, line.by_name) == ("on_paper", "I agree to offers", "Jules Martin")
    assert "has agreed to marketing already" in jules.get(address).content.decode()
    # An opt-out after it counts more than a form found later.
    say(juniper, Says.REFUSED, how=How.IN_PERSON, category=MARKETING, member=juniper.owner)
    late = jules.post(address, GOOD_AGREED | {"said_at": "2026-01-15T09:30"})
    assert "They opted out after that" in late.content.decode()
    assert holds(juniper) == ("", "refused")


def test_consent_to_marketing_is_not_recorded_beside_an_opt_out_of_everything(
    jules: Browser, juniper: House
) -> None:
    maya = juniper.client()
    say(juniper, Says.REFUSED, how=How.IN_PERSON, member=juniper.staff)
    answer = jules.post(f"/clients/{maya.pk}/agrees", GOOD_AGREED)
    assert answer.status_code == 422
    assert "That comes first: an owner or admin can undo it." in plain(answer.content)
    # The words that were typed can still be copied.
    assert GOOD_AGREED["words"] in answer.content.decode()
    assert holds(juniper) == ("refused", "refused")


@pytest.mark.parametrize("door", [{}, DIALOG])
def test_nobody_but_the_client_undoes_a_stop(nora: Browser, juniper: House, door: dict[str, str]) -> None:
    maya = juniper.client()
    stop = say(juniper, Says.REFUSED, "STOP")
    for address, typed in [
        (f"/clients/{maya.pk}/agrees", GOOD_AGREED),
        (f"/clients/opt-outs/{stop.pk}/undo", {"reason": "They changed their mind"}),
    ]:
        page = nora.get(address, headers=door)
        assert "only they can undo it: by texting START to (855) 555-0142." in plain(page.content)
        assert b'type="submit"' not in page.content.split(b"data-sheet")[1].split(b"</section>")[0]
        answer = nora.post(address, typed, headers=door)
        assert answer.status_code == 422
        assert "only they can undo it" in plain(answer.content)
    assert holds(juniper) == ("refused", "refused")
    assert juniper.business.consents.count() == 1


def test_undoing_gives_back_what_was_agreed_before_and_no_more(
    nora: Browser, jules: Browser, juniper: House
) -> None:
    maya = juniper.client()
    for agreed, back in [(False, ("", "refused")), (True, ("", "agreed"))]:
        if agreed:
            say(juniper, Says.AGREED, "Offers", how=How.ON_PAPER, category=MARKETING, member=juniper.owner)
        line = say(juniper, Says.REFUSED, how=How.IN_PERSON, member=juniper.staff)
        address = f"/clients/opt-outs/{line.pk}/undo"
        assert address in nora.get(f"/clients/{maya.pk}").content.decode()
        assert jules.get(address).status_code == 403
        assert jules.post(address, {"reason": "Mine"}).status_code == 403
        without = nora.post(address, {"reason": "  "})
        assert without.status_code == 422
        assert "Write why" in without.content.decode()
        assert holds(juniper) == ("refused", "refused")
        assert nora.post(address, {"reason": "Another Maya"})["Location"] == f"/clients/{maya.pk}"
        undone = juniper.business.consents.latest("id")
        assert (undone.says, undone.how, undone.words) == ("agreed", "member", "Another Maya")
        assert undone.by_name == "Nora Kim"
        assert holds(juniper) == back
        gone = "does not hold any more" if agreed else "There is nothing to go back to"
        assert gone in plain(nora.get(address).content)


def test_a_marketing_opt_out_without_consent_before_it_has_nothing_to_go_back_to(
    nora: Browser, juniper: House
) -> None:
    line = say(juniper, Says.REFUSED, how=How.IN_PERSON, member=juniper.staff, category=MARKETING)
    assert "There is nothing to go back to" in plain(nora.get(f"/clients/opt-outs/{line.pk}/undo").content)


def test_what_a_member_adds_makes_no_opt_out_of_the_client_s_a_member_s(
    nora: Browser, juniper: House
) -> None:
    maya = juniper.client()
    say(juniper, Says.AGREED, "Offers", how=How.WEB_FORM, category=MARKETING)
    say(juniper, Says.REFUSED, "no offers", category=MARKETING)
    page = nora.get(f"/clients/{maya.pk}/agrees")
    assert "only they can undo it: by texting START" in plain(page.content)
    assert nora.post(f"/clients/{maya.pk}/opt-out", GOOD_OPT_OUT).status_code == 302
    line = juniper.business.consents.latest("id")
    page = plain(nora.get(f"/clients/opt-outs/{line.pk}/undo").content)
    assert "Marketing stays off" in page
    nora.post(f"/clients/opt-outs/{line.pk}/undo", {"reason": "Another Maya"})
    assert holds(juniper) == ("", "refused")
    assert "only they can undo it: by texting START" in plain(nora.get(f"/clients/{maya.pk}").content)
    assert nora.post(f"/clients/{maya.pk}/agrees", GOOD_AGREED).status_code == 422
    # START brings no consent to marketing back that was refused by itself; it opens the way to a new one.
    say(juniper, Says.AGREED, "START", category=SERVICE)
    assert nora.post(f"/clients/{maya.pk}/agrees", GOOD_AGREED).status_code == 302
    assert holds(juniper) == ("", "agreed")


# ---- The question


def test_a_doubtful_text_is_asked_about_wherever_the_client_is_seen(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    conversation = juniper.text(maya, "cancel").conversation
    assert "Does that mean no more texts" not in nora.get(f"/inbox/{conversation.pk}").content.decode()
    say(juniper, Says.AGREED, "Offers", how=How.WEB_FORM, category=MARKETING)
    assert "May be an opt-out" not in nora.get("/inbox").content.decode()
    doubt = say(juniper, Says.DOUBTFUL, "cancel")
    ends = (doubt.said_at + timedelta(days=1)).astimezone(juniper.business.zone)
    for address in (f"/inbox/{conversation.pk}", f"/clients/{maya.pk}"):
        said = plain(nora.get(address).content)
        assert "Maya texted “cancel”. Does that mean no more texts, or is it about an appointment?" in said
        assert "You can still text Maya yourself." in said
        assert f"counts as an opt-out {ends:%a} {ends.hour % 12 or 12}:{ends.minute:02}" in said
    listed = plain(nora.get("/inbox").content)
    assert "May be an opt-out: cancel" in listed
    live = nora.get("/live", {"thread": conversation.pk, "c": conversation.pk, "list": "open"}, headers=HTMX)
    assert "Does that mean no more texts" in plain(live.content)


@pytest.mark.parametrize(("meant", "held"), [("stop", ("refused", "refused")), ("else", ("", ""))])
def test_who_answers_second_is_told_what_was_answered(
    nora: Browser, jules: Browser, juniper: House, meant: str, held: tuple[str, str]
) -> None:
    maya = juniper.client()
    conversation = juniper.text(maya, "cancel").conversation
    doubt = say(juniper, Says.DOUBTFUL, "cancel")
    ways = [
        f"/inbox/{conversation.pk}/answer/{doubt.pk}",
        f"/clients/{maya.pk}/answer/{doubt.pk}",
        f"/clients/opt-outs/{doubt.pk}/answer",
    ]
    assert nora.post(ways[0], {"meant": "nonsense"}).status_code == 404
    first = nora.post(ways[0], {"meant": meant}, headers=HTMX)
    assert ("no more texts go to Maya" if meant == "stop" else "go on as before") in first.content.decode()
    assert holds(juniper) == held
    lines = juniper.business.consents.count()
    for way in ways:
        second = jules.post(way, {"meant": "stop"}, headers=HTMX)
        said = "no more texts" if meant == "stop" else "it was about an appointment"
        assert f"Nora Kim answered before you: {said}." in second.content.decode()
        shown = jules.get(jules.post(way, {"meant": "else"})["Location"])
        assert f"Nora Kim answered before you: {said}." in shown.content.decode()
    assert (holds(juniper), juniper.business.consents.count()) == (held, lines)


def test_an_old_page_does_not_answer_a_new_question(nora: Browser, juniper: House) -> None:
    old = say(juniper, Says.DOUBTFUL, "cancel")
    revoking.settle_doubt(juniper.business, MAYA, member=juniper.staff, opted_out=False)
    say(juniper, Says.DOUBTFUL, "end")
    answer = nora.post(f"/clients/opt-outs/{old.pk}/answer", {"meant": "stop"}, headers=HTMX)
    assert "Jules Martin answered before you" in answer.content.decode()
    assert holds(juniper) == ("doubtful", "doubtful")


# ---- The list


def test_the_list_says_what_how_when_and_how_soon(nora: Browser, juniper: House) -> None:
    juniper.client()
    say(juniper, Says.REFUSED, "STOP", said_at=timezone.now() - timedelta(hours=3))
    say(juniper, Says.REFUSED, "No thanks", phone="+15035550190", how=How.BY_PHONE, member=juniper.staff)
    say(juniper, Says.DOUBTFUL, "cancel", phone="+15035550191")
    say(juniper, Says.REFUSED, phone="+15035550192", how=How.IN_PERSON, member=juniper.staff)
    say(juniper, Says.AGREED, "Oops", phone="+15035550192", how=How.MEMBER, member=juniper.owner)
    say(juniper, Says.DOUBTFUL, "end", phone="+15035550193")
    revoking.settle_doubt(juniper.business, "+15035550193", member=juniper.staff, opted_out=False)
    rows = [
        plain(row.encode()) for row in nora.get("/clients/opt-outs").content.decode().split('class="opt-out"')
    ]
    expected = [
        ("(503) 555-0193", "Not an opt-out", "“end”"),
        ("(503) 555-0192", "Agreed again", "in person"),
        ("(503) 555-0191", "Being asked", "It was about an appointment"),
        ("(503) 555-0190", "Honored", "by phone. Recorded by Jules Martin. “No thanks”"),
        ("Maya Okafor", "Honored", "3 hours later"),
    ]
    assert len(rows) == 1 + len(expected)
    for row, parts in zip(rows[1:], expected, strict=True):
        assert all(part in row for part in parts), (row, parts)
        assert "Must be honored by" in row
    for show, found in [("waiting", ["0191"]), ("told", ["0192", "0190"])]:
        html = nora.get(f"/clients/opt-outs?show={show}").content.decode()
        assert re.findall(r'class="opt-out-who">.*?\(503\) 555-(\d{4})', html) == found
    assert nora.get("/clients/opt-outs?show=money").status_code == 404
    assert nora.get("/clients/opt-outs?before=x").status_code == 404


def test_the_law_s_days_are_counted_from_the_business_s_own_day(nora: Browser, juniper: House) -> None:
    # Eleven at night on Monday the 2nd in Los Angeles is Tuesday in UTC.
    say(juniper, Says.REFUSED, "STOP", said_at=datetime(2026, 3, 3, 7, 0, tzinfo=UTC))
    assert '<time datetime="2026-03-16">Mar 16, 2026</time>' in nora.get("/clients/opt-outs").content.decode()


def test_every_page_of_the_list_follows_the_one_before(nora: Browser, juniper: House) -> None:
    for n in range(3):
        say(juniper, Says.REFUSED, "STOP", phone=f"+1503555{n:04}")
    lines = list(juniper.business.consents.all())
    Consent.objects.bulk_create(
        Consent(**{f.attname: getattr(lines[0], f.attname) for f in Consent._meta.fields} | {"id": None})
        for _ in range(100)
    )
    seen: list[str] = []
    address, headers = "/clients/opt-outs", {}
    for _ in range(3):
        html = nora.get(address, headers=headers).content.decode()
        seen += re.findall(r'id="opt-out-(\d+)"', html)
        more = re.search(r'hx-get="(.*?)" hx-target="#more"', html)
        address = more[1].replace("&amp;", "&") if more else ""
        headers = {"HX-Request": "true", "HX-Target": "li#more"}
    assert seen == [str(id) for id in juniper.business.consents.order_by("-id").values_list("id", flat=True)]
    assert not address


def test_an_opt_out_of_a_number_without_a_card(jules: Browser, nora: Browser, juniper: House) -> None:
    for typed, words in [("12", "too short"), ("", "Enter the number"), ("(855) 555-0142", "toll-free")]:
        answer = jules.post("/clients/opt-outs/new", GOOD_OPT_OUT | {"number": typed})
        assert answer.status_code == 422
        assert words in answer.content.decode()
    answer = jules.post("/clients/opt-outs/new", GOOD_OPT_OUT | {"number": "(503) 555-0199"})
    assert answer["Location"] == "/clients/opt-outs"
    assert holds(juniper, "+15035550199") == ("refused", "refused")
    again = jules.post("/clients/opt-outs/new", GOOD_OPT_OUT | {"number": "503 555 0199"})
    assert "They have opted out of all texts already" in again.content.decode()
    assert b"/undo" not in jules.get("/clients/opt-outs").content
    line = juniper.business.consents.get()
    assert f"/clients/opt-outs/{line.pk}/undo".encode() in nora.get("/clients/opt-outs").content
    assert (
        nora.post(f"/clients/opt-outs/{line.pk}/undo", {"reason": "Typo"})["Location"] == "/clients/opt-outs"
    )


def test_a_span_is_said_in_its_largest_unit() -> None:
    for seconds, words in [
        (-3, "at once"), (4, "at once"), (5, "5 seconds later"), (60, "1 minute later"),
        (7_199, "1 hour later"), (86_400 * 3, "3 days later"),
    ]:  # fmt: skip
        assert later_by(timedelta(seconds=seconds)) == words


# ---- The file


def test_the_file_holds_every_line_and_no_formula(nora: Browser, jules: Browser, juniper: House) -> None:
    maya = juniper.client("=cmd", "|' /C calc'!A0")
    say(juniper, Says.REFUSED, '=HYPERLINK("https://x.example","Cliquez, ici")\n+1', source="twilio:SM1")
    say(juniper, Says.REFUSED, "Assez ✋", phone="+15035550190", how=How.ON_PAPER, member=juniper.staff)
    Consent.objects.bulk_create(
        Consent(
            business=juniper.business, phone="+15035550191", category="all", says="refused", how="text",
            words=f"STOP {n}", said_at=timezone.now(), recorded_at=timezone.now(),
        )
        for n in range(1001)
    )  # fmt: skip
    answer = nora.get("/clients/opt-outs.csv")
    today = timezone.now().astimezone(juniper.business.zone).date()
    assert answer["Content-Disposition"] == f'attachment; filename="consent-{today}.csv"'
    assert answer.streaming
    content = b"".join(answer).decode()  # type: ignore[call-overload]
    assert content.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline="")))
    assert rows[0] == HEADINGS
    assert len(rows) == 1004
    first = dict(zip(HEADINGS, rows[1], strict=True))
    assert first["Words"] == '\'=HYPERLINK("https://x.example","Cliquez, ici")\n+1'
    assert first["Client"].startswith("'=cmd")
    assert (first["Number"], first["Sent to"], first["Source"]) == ("'+15035550118", f"'{OURS}", "twilio:SM1")
    line = juniper.business.consents.order_by("id").first()
    assert line
    assert datetime.fromisoformat(first["Said at (UTC)"]) == line.said_at
    assert first["Said at (UTC)"].endswith("+00:00")
    assert datetime.fromisoformat(first["Recorded at (local)"]) == line.recorded_at
    assert first["Recorded at (local)"][-6:] in ("-08:00", "-07:00")
    assert rows[2][5:7] == ["On paper", "Assez ✋"]
    assert rows[2][12] == "Jules Martin"
    assert [row[6] for row in rows[3:]] == [f"STOP {n}" for n in range(1001)]
    own = b"".join(nora.get(f"/clients/{maya.pk}/consent.csv")).decode()  # type: ignore[call-overload]
    assert own.count("\r\n") == 2
    for address in ("/clients/opt-outs.csv", f"/clients/{maya.pk}/consent.csv"):
        assert jules.get(address).status_code == 403
    assert b".csv" not in jules.get("/clients/opt-outs").content
    assert b".csv" not in jules.get(f"/clients/{maya.pk}").content


# ---- Others


def test_a_stranger_sees_and_changes_nothing(juniper: House, alder: House, sign_in: SignIn) -> None:
    maya = juniper.client()
    conversation = juniper.text(maya, "cancel").conversation
    doubt = say(juniper, Says.DOUBTFUL, "cancel")
    told = say(juniper, Says.REFUSED, "no", phone="+15035550190", how=How.IN_PERSON, member=juniper.owner)
    theirs = alder.text(alder.client(), "Hello").conversation
    stranger = sign_in(alder.owner)
    for address in (
        f"/clients/{maya.pk}/consent",
        f"/clients/{maya.pk}/consent.csv",
        f"/clients/{maya.pk}/opt-out",
        f"/clients/{maya.pk}/agrees",
        f"/clients/opt-outs/{told.pk}/undo",
        "/clients/opt-outs/999999999999999999999/undo",
    ):
        assert stranger.get(address).status_code == 404, address
    for address in (
        f"/clients/{maya.pk}/opt-out",
        f"/clients/{maya.pk}/agrees",
        f"/clients/opt-outs/{told.pk}/undo",
        f"/clients/opt-outs/{doubt.pk}/answer",
        f"/clients/{maya.pk}/answer/{doubt.pk}",
        f"/inbox/{conversation.pk}/answer/{doubt.pk}",
        f"/inbox/{theirs.pk}/answer/{doubt.pk}",
        f"/clients/{theirs.client_id}/answer/{doubt.pk}",
    ):
        typed = GOOD_OPT_OUT | {"meant": "stop", "reason": "Mine"}
        assert stranger.post(address, typed).status_code == 404, address
    assert b"May be an opt-out" not in stranger.get("/inbox").content
    own = say(alder, Says.DOUBTFUL, "end", phone="+15035550191")
    for address in (f"/inbox/{conversation.pk}", f"/clients/{maya.pk}"):
        assert stranger.post(f"{address}/answer/{own.pk}", {"meant": "stop"}).status_code == 404
    assert holds(alder, "+15035550191") == ("doubtful", "doubtful")
    assert b"cancel" not in stranger.get("/clients/opt-outs").content.split(b'id="main"')[1]
    assert b"".join(stranger.get("/clients/opt-outs.csv")).count(b"\r\n") == 2  # type: ignore[call-overload]
    # The same number is a client of both: what one was told holds for that one.
    assert stranger.post("/clients/opt-outs/new", GOOD_OPT_OUT | {"number": MAYA}).status_code == 302
    assert holds(juniper) == ("doubtful", "doubtful")
    assert holds(alder) == ("refused", "refused")
    for address in ("/clients/opt-outs", f"/clients/{maya.pk}/opt-out", "/clients/opt-outs.csv"):
        assert Browser().get(address)["Location"].startswith("/sign-in/")


def test_words_of_clients_stay_words_here_too(nora: Browser, juniper: House) -> None:
    maya = juniper.client("<b>Maya")
    juniper.text(maya, "hi")
    say(juniper, Says.DOUBTFUL, "<script>alert(1)</script>")
    conversation = juniper.business.conversations.get()
    for address in (
        f"/inbox/{conversation.pk}",
        f"/clients/{maya.pk}",
        f"/clients/{maya.pk}/consent",
        "/clients/opt-outs",
    ):
        assert b"<script>alert" not in nora.get(address).content, address
