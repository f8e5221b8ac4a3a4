"""The words of automatic messages: what they may name, what they say, and what is wrong with them."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest

from parley.alerts import defaults, wording
from parley.alerts.kinds import KINDS, About
from parley.alerts.models import Rule
from parley.alerts.placeholders import Subject, Values, known, values
from parley.appointments.models import Appointment, Service
from parley.businesses.models import Business, Member, Plan, User
from parley.clients.languages import Language
from parley.clients.models import Client
from parley.leads.models import Lead
from parley.payments.models import Estimate, PaymentRequest
from parley.sms import segments

NOW = datetime(2026, 11, 18, 22, 45, tzinfo=UTC)  # Wednesday, 2:45 PM in Portland
# The longest day that a text can name, a week ahead; and no Saturday.
FAR = datetime(2026, 11, 25, 22, 45, tzinfo=UTC)


def juniper(**fields: object) -> Business:
    business = Business(
        name="Juniper Hair Studio",
        time_zone="America/Los_Angeles",
        address="1418 SE Alder Street",
        hours={"thu": [["09:00", "17:00"]]},
        plan=Plan(code="paid", paid=True),
        **fields,
    )
    business._prefetched_objects_cache = {"numbers": []}  # type: ignore[attr-defined]
    return business


MAYA = {"first_name": "Maya", "last_name": "Brooks"}


def subject(about: About, business: Business, client: Client, at: datetime = FAR) -> Subject:
    if about == "appointment":
        return Appointment(
            business=business,
            client=client,
            title="Cut and balayage",
            location="",
            service=Service(name="Cut and balayage", minutes=90, location=""),
            member=Member(business=business, user=User(name="Jules Moreau")),
            starts_at=at,
            ends_at=at + timedelta(minutes=90),
        )
    if about == "payment":
        return PaymentRequest(
            client=client, title="Cut and balayage", cents=18_500, currency="USD", due_on=date(2026, 11, 25)
        )
    if about == "estimate":
        return Estimate(
            client=client,
            title="Wedding styling",
            cents=64_000,
            currency="USD",
            expires_on=date(2026, 11, 25),
        )
    return Lead(client=client, message="Do you do weddings?") if about == "lead" else None


def of(about: About, language: str = "en", at: datetime = NOW, **client: str) -> Values:
    business = juniper()
    who = Client(business=business, **(client or MAYA))
    return values(business, who, subject(about, business, who), language, at=at)


def test_parleys_own_words_are_one_segment_in_every_language_and_name_only_what_there_is() -> None:
    for reads in (False, True):
        business = juniper(mode="texting" if reads else "do_not_reply", two_way=reads)
        assert business.converses is reads
        client = Client(business=business, **MAYA)
        for code, kind in KINDS.items():
            for language in Language.values:
                told = (code, language, reads)
                for part in wording.LIMITS:
                    source = defaults.words(code, part, language, reads=reads)
                    assert wording.problems(source, code, part) == [], told
                rule = Rule(business=business, email=True, stop_line=False, kind=code)
                thing = subject(kind.about, business, client)
                composed = wording.compose(rule, values(business, client, thing, language, at=NOW), language)
                assert segments.count(composed.text)[:2] == ("GSM-7", 1), (*told, composed.text)
                assert "{" not in composed.text + composed.subject + composed.email, told
                assert (", or text us" in composed.text) is (reads and language == "en" and kind.confirms), (
                    told
                )


def test_what_a_client_without_a_name_reads_is_whole() -> None:
    for code, kind in KINDS.items():
        for language in Language.values:
            rule = Rule(business=juniper(), email=True, stop_line=False, kind=code)
            composed = wording.compose(rule, of(kind.about, language, phone="+15035550100"), language)
            for words in (composed.text, composed.email):
                assert not any(bad in words for bad in (" ,", " .", ",,", ", .", "..", "  ", "()")), words


def test_days_times_and_money_are_said_in_the_clients_language_by_the_businesss_clock() -> None:
    said = "{{appointment.day}} | {{appointment.time}} | {{appointment.date}} | {{appointment.duration}}"
    for language, words in {
        "en": "Wednesday, November 25 | 2:45 PM | Wednesday, November 25 | 1 hour 30 minutes",
        "fr": "le mercredi 25 novembre | 14 h 45 | mercredi 25 novembre | 1 heure 30 minutes",
        "es": "el miércoles 25 de noviembre | 2:45 p.m. | miércoles 25 de noviembre | 1 hora 30 minutos",
    }.items():
        assert wording.fill(said, of("appointment", language)) == words
    # Tomorrow begins at midnight by the business's clock: 08:00 UTC in November.
    for at, day in (
        (datetime(2026, 11, 25, 7, 59, tzinfo=UTC), "tomorrow"),
        (datetime(2026, 11, 25, 8, 0, tzinfo=UTC), "today"),
        (datetime(2025, 12, 31, 12, 0, tzinfo=UTC), "Wednesday, November 25, 2026"),
    ):
        assert wording.fill("{{ appointment.day }}", of("appointment", at=at)) == day
    sums = {"en": "$185.00", "fr": "185,00 $ US", "es": "$185.00"}
    for language, words in sums.items():
        assert wording.fill("{{ payment.amount }}", of("payment", language)) == words
    own = PaymentRequest(title="Cut", cents=18_500, currency="CAD")
    for language, words in {"en": "$185.00", "fr": "185,00 $"}.items():
        found = values(juniper(), Client(**MAYA), own, language)
        assert wording.fill("{{ payment.amount }}", found) == words
        assert wording.fill("{{ payment.link }}", found).endswith(f"/p/{own.token}")
    august = Appointment(
        title="Cut", location="", with_name="", starts_at=datetime(2026, 8, 1, 18, tzinfo=UTC)
    )
    august.ends_at = august.starts_at + timedelta(hours=1)
    day = wording.fill("{{ appointment.day }}", values(juniper(), Client(**MAYA), august, "fr", at=NOW))
    assert day == "le samedi 1er aout"
    opens = {"en": "tomorrow at 9:00 AM", "fr": "demain à 9 h 00", "es": "mañana, 9:00 a.m."}
    for language, words in opens.items():
        assert wording.fill("{{ business.opens }}", of("text", language)) == words


def test_hyphens_and_nobody_in_particular() -> None:
    assert wording.fill("{{client.first-name}} {{ client.full-name }}", of("lead")) == "Maya Maya Brooks"
    assert wording.problems("{{ client.first-name }}", "lead") == []
    assert (
        wording.fill("{{ staff.full_name }}, {{ staff.first_name }}", of("appointment"))
        == "Jules Moreau, Jules"
    )
    assert wording.fill("{{ staff.full_name }}", of("payment")) == "Juniper Hair Studio"
    assert wording.fill("at {{ appointment.location }}", of("appointment")) == "at 1418 SE Alder Street"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "Write what they should read."),
        ("x" * 1001, "That is 1,001 characters. Keep it to 1,000."),
        ("Hi {{ client.nickname }}", "There is no “client.nickname”. Did you mean client.first_name?"),
        ("Hi {{ first_name }}", "There is no “first_name”. Did you mean client.first_name?"),
        ("Hi {{ client }}", "There is no “client”. Choose a detail from the list."),
        ("{{ payment.amount }}", "There is no “payment.amount”. Choose a detail from the list."),
        ("{% if client.zzz %}a{% endif %}", "There is no “client.zzz”. Choose a detail from the list."),
        ("Hi {{ client.first_name", "A detail is not closed near “{{ client.first_name”. It ends with }}, as in"),
        ("{{ client.first name }}", "Something is not right near “{{ client.first name }}”."),
        ("Hi {{ }}", "Something is not right in “{{ }}”."),
        ("{{{ client.first_name }}}", "There is a character too many near"),
        ("{% for c in client %}x{% endfor %}", "“for” is not something that Parley does near"),
        ("{% assign a = 1 %}", "“assign” is not something that Parley does"),
        ("{% include 'x' %}", "“include” is not something"),
        ("{% if client.first_name %}a", "A {% if … %} has no end. Add {% endif %} where it should end."),
        ("a{% endif %}", "An end has no beginning near “{% endif %}”."),
        ("{{ client.first_name | replace: 'a', 'aa' }}", "“replace” is not something that Parley does"),
        ("{{ client.first_name | truncate: 'x' }}", "“truncate” was given something that it can’t use"),
        ("Hi\n{{ client.zzz | upcase", "A detail is not closed near “{{ client.zzz | upcase” on line 2."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(source: str, words: str) -> None:
    (said,) = wording.problems(source, "reminder")
    assert said.startswith(words)


def test_what_an_empty_detail_leaves_behind_is_taken_away() -> None:
    for words, tidied in {
        "Hi , see you at 2:45 PM.": "Hi, see you at 2:45 PM.",
        "You’re confirmed, . See you": "You’re confirmed. See you",
        "See you today () at": "See you today at",
        "a\n\n\n\nb  c": "a\n\nb c",
        ", see you": "see you",
        "Really... yes. At 3 p.m.. Bye": "Really... yes. At 3 p.m. Bye",
        "a\r\n, b": "a\nb",
        "Pay 1,000.50 now : yes": "Pay 1,000.50 now : yes",
    }.items():
        assert wording.tidy(words) == tidied


def test_what_is_empty_is_not_so() -> None:
    """In Liquid an empty string is true; here `{% if payment.due_date %}` means what it says."""
    source = "{% if payment.due_date %}due{% else %}no hurry{% endif %}"
    hurry, none = of("payment"), of("payment")
    none["payment"]["due_date"] = ""
    assert (wording.fill(source, hurry), wording.fill(source, none)) == ("due", "no hurry")
    rule = Rule(business=juniper(), kind="asked", email=True, stop_line=False)
    assert "Due " not in wording.compose(rule, none, "en").email


def test_half_a_text_is_never_made_and_stored_words_that_no_longer_fit_say_so() -> None:
    business = juniper()
    for source in ("Hi {{ client.first_name", "{{ pet.name }}", "{{ client.first_name }}"):
        rule = Rule(business=business, email=True, stop_line=False, kind="reminder", texts={"en": source})
        with pytest.raises(wording.Unfit) as unfit:
            wording.compose(rule, of("appointment", first_name="", phone="+15035550100"), "en")
        assert unfit.value.words
    own = Rule(
        business=business,
        email=True,
        stop_line=False,
        kind="reminder",
        texts={"en": "Hi {{ client.first_name }}"},
        emails={"en": ""},
    )
    composed = wording.compose(own, of("appointment"), "en")
    assert composed.text == composed.email == "Hi Maya"
    assert "Bonjour" in wording.compose(own, of("appointment", "fr"), "fr").text
    own.stop_line = True
    assert wording.compose(own, of("appointment"), "en").text == "Hi Maya Reply STOP to stop texts."
    assert wording.compose(own, of("appointment"), "en").email == "Hi Maya"


def test_no_template_takes_long() -> None:
    hard = (
        "{% if client.first_name %}" * 8 + "x" + "{% endif %}" * 8,
        "{% if client.first_name %}" * 30,
        "{{ (1..99999999999) }}" * 45,
        "{{ client.first_name | truncate: 99999999 }}" * 22,
        "{% case client.first_name %}{% when 'a' %}" * 20,
        "{{" * 500,
        "{{ client.first_name" + " | upcase" * 108 + "}}",
        " " * 999 + "x",
        ",\n" * 500,
        "(" * 1000,
    )
    found = of("appointment")
    began = time.process_time()
    for source in hard:
        wording.problems(source, "reminder")
        with suppress(wording.Unfit):
            assert len(wording.fill(source, found)) < 32_000
    assert time.process_time() - began < 1.0


def test_every_placeholder_on_offer_says_something() -> None:
    for about in ("appointment", "payment", "estimate", "lead", "text"):
        found = of(about)
        for name in known(about):
            group, key = name.split(".")
            assert found[group][key] or name == "business.phone", name
