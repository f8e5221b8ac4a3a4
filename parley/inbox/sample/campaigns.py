"""Juniper's campaigns: three that were sent, one that is being sent and goes on by itself, one for Monday, and a draft.

They go to the Color club: people who said yes to offers, and of whom the demo tells nothing else. Rows are written
many at once, and as the road out and the counting would have left them.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cache

from django.utils import timezone

from parley.businesses.models import Business, Member
from parley.businesses.tenancy import new_id
from parley.campaigns import tokens, wording
from parley.campaigns.audience import Audience
from parley.campaigns.counting import Tally
from parley.campaigns.foretelling import foretell
from parley.campaigns.models import Campaign, Link, Recipient
from parley.clients.models import Client, Consent, Handset
from parley.inbox.sample import people
from parley.messaging.models import Conversation, Message
from parley.numbers.models import PhoneNumber
from parley.sms import segments

CLUB = "Color club"
FIRST = (
    *("Adele", "Bianca", "Carlos", "Delia", "Emmett", "Farida", "Gideon", "Helena", "Imran", "Joelle"),
    *("Kaito", "Lorena", "Milan", "Nadia", "Orson", "Paloma", "Quincy", "Rosa", "Stellan", "Tamar"),
)
LAST = (
    *(
        "Abbott",
        "Brandt",
        "Cardenas",
        "Dumont",
        "Eriksen",
        "Fontaine",
        "Goldberg",
        "Hassan",
        "Ibarra",
        "Jansen",
    ),
    *("Kimura", "Lefevre"),
)
# Of area codes around Portland, each with its hundred numbers for fiction.
AREAS = ("971", "541", "458")
OF_AN_AREA = 80
# Of so many one is a landline that nobody knows of, has been written down as one, or has not agreed to offers.
UNKNOWN_LANDLINES, LANDLINES, NOT_ASKED = 40, 60, 17


@dataclass(frozen=True, slots=True)
class Story:
    """A campaign of the past: how long ago it began, for how many minutes it was sent, and what clients did."""

    name: str
    words: str
    days_ago: int
    at: time
    minutes: int
    replied: int
    opted_out: int
    clicked: int = 0


PAST = (
    Story(
        "Closed for repairs",
        "We’re closed for repairs tomorrow. Everyone who was booked has a text of their own from us.",
        43,
        time(16, 0),
        17,
        9,
        1,
    ),
    Story(
        "Back to school cuts",
        "Back to school cuts, all of August, {{ client.first_name | default: 'hello' }}: https://juniperhair.example/school",
        103,
        time(10, 0),
        16,
        14,
        2,
        46,
    ),
    Story(
        "Summer care tips",
        "Sun, salt and color: our five tips for summer hair are at https://juniperhair.example/summer",
        160,
        time(11, 30),
        16,
        5,
        2,
        71,
    ),
)
NOW = "Holiday color week"
NOW_WORDS = "Holiday color week is Dec 1 to 6, with a free gloss. Book: https://juniperhair.example/h"
# Of those who may be texted so many per cent have had it already, at the number's pace.
HAD_IT = 65
# Who replied, was told Juniper's number, and texted it: what they wrote, and what Jules wrote back.
TALKS = (
    ("Hi, I got your text about color week. Is Thursday at 4 free?", "It is! You’re down for Thursday at 4."),
    ("Does the gloss come with highlights too?", "It does, all week. Shall I book you in?"),
)
# A shared number sends marketing from when the day begins until it ends there.
FROM, UNTIL = time(8, 30), time(20, 15)


def landlines() -> list[people.Person]:
    """Those of the club whose numbers are landlines, for the pretend network."""
    return [
        people.Person(first, last, phone, line="landline")
        for n, (first, last, phone) in enumerate(_names())
        if n % UNKNOWN_LANDLINES == 7
    ]


def use_campaigns(business: Business, members: dict[str, Member]) -> None:
    """Where there are none yet. Doing it again changes nothing."""
    number = PhoneNumber.objects.filter(duty=PhoneNumber.Duty.MARKETING, released_at=None).first()
    if number is None or business.campaigns.exists():
        return
    chance = random.Random(480)  # noqa: S311  not a secret
    club = _club(business, chance)
    now = timezone.now()
    conversations = {
        client.pk: Conversation(business=business, client=client, last_at=now, closed_at=now)
        for client in club
    }
    Conversation.objects.bulk_create(conversations.values())
    maker = _Maker(business, members, number, club, conversations, chance)
    for story in sorted(PAST, key=lambda one: -one.days_ago):
        maker.past(story)
    maker.going()
    maker.to_come()
    maker.save()
    for waiting in business.campaigns.filter(status=Campaign.Status.SCHEDULED):
        waiting.fit = foretell(waiting).fit
        waiting.save(update_fields=["fit"])


def _names() -> list[tuple[str, str, str]]:
    names = [(first, last) for last in LAST for first in FIRST]
    random.Random(481).shuffle(names)  # noqa: S311  not a secret
    phones = [f"+1{area}55501{n:02}" for area in AREAS for n in range(OF_AN_AREA)]
    return [(first, last, phone) for (first, last), phone in zip(names, phones, strict=True)]


def _club(business: Business, chance: random.Random) -> list[Client]:
    """The people of the club, and what the ledger says of them."""
    today = timezone.localdate(timezone=business.zone)
    clients = [
        Client(
            business=business,
            first_name=first,
            last_name=last,
            phone=phone,
            tags=[CLUB],
            language="",
            since=today - timedelta(days=chance.randint(200, 1500)),
        )
        for first, last, phone in _names()
    ]
    Client.objects.bulk_create(clients)
    asked = [client for n, client in enumerate(clients) if n % NOT_ASKED != 3]
    lines = Consent.objects.bulk_create(
        Consent(
            business=business,
            phone=client.phone,
            category=Consent.Category.MARKETING,
            says=Consent.Says.AGREED,
            how=Consent.How.WEB_FORM,
            words=people.OFFERS.format(business=business),
            said_at=_joined(business, client),
            recorded_at=_joined(business, client) + timedelta(milliseconds=80),
        )
        for client in asked
    )
    Handset.objects.bulk_create(
        Handset(
            business=business,
            phone=client.phone,
            marketing=Handset.Marketing.AGREED,
            marketing_by=line.pk,
            reach=Handset.Reach.LANDLINE if n % LANDLINES == 11 else "",
            changed_at=line.recorded_at,
        )
        for n, (client, line) in enumerate(zip(asked, lines, strict=True))
    )
    return clients


def _joined(business: Business, client: Client) -> datetime:
    assert client.since
    return datetime.combine(client.since, time(15, 18), business.zone)


@dataclass
class _Maker:
    business: Business
    members: dict[str, Member]
    number: PhoneNumber
    club: Sequence[Client]
    conversations: dict[uuid.UUID, Conversation]
    chance: random.Random
    messages: list[Message] = field(default_factory=list)
    recipients: list[Recipient] = field(default_factory=list)
    # Who opted out, and when.
    gone: dict[str, datetime] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def past(self, story: Story) -> None:
        """One that was sent to the end."""
        today = timezone.localdate(timezone=self.business.zone)
        begins = datetime.combine(today - timedelta(days=story.days_ago), story.at, self.business.zone)
        ends = begins + timedelta(minutes=story.minutes)
        campaign = self._campaign(
            story.name, story.words, Campaign.Status.SENT, started_at=begins, ended_at=ends, changed_at=ends
        )
        self._people(campaign, begins, story.minutes * 60, 100)
        self._they_did(campaign, story.replied, story.opted_out, story.clicked)

    def going(self) -> None:
        """The one that is being sent, at the pace of the number; at night the rest of it waits for the morning."""
        begins, seconds = self._began()
        campaign = self._campaign(
            NOW, NOW_WORDS, Campaign.Status.SENDING, started_at=begins, changed_at=begins, phase_at=begins
        )
        self._people(campaign, begins, seconds, HAD_IT)
        self._they_did(campaign, 11, 2, 17)
        replied = [one for one in self.recipients if one.campaign_id == campaign.pk and one.replied_at]
        for one, talk in zip(replied, TALKS, strict=False):
            self._talks(campaign, one, talk)

    def _talks(self, campaign: Campaign, one: Recipient, talk: tuple[str, str]) -> None:
        """They text Juniper's own number, and have an answer."""
        assert one.replied_at
        conversation, own = self.conversations[one.client_id], self.business.numbers.get(number=people.NUMBER)
        at = one.replied_at
        for who, words in zip((None, self.members.get("jules")), talk, strict=True):
            at = min(at + timedelta(seconds=self.chance.uniform(40, 100)), timezone.now())
            message = Message(
                business=self.business,
                conversation=conversation,
                direction=Message.Direction.OUT if who else Message.Direction.IN,
                author=who,
                body=words,
                state=Message.State.DELIVERED if who else Message.State.RECEIVED,
                number=own,
                their_address=one.phone,
                segments=segments.count(words).segments,
                at=at,
                changed_at=at,
            )
            self.messages.append(message)
            conversation.last_message, conversation.last_at, conversation.closed_at = message, at, None
            if one.talked_at is None:
                one.talked_at = at
                self.tally.became(self._of(campaign), "a", "talked", at)

    def _began(self) -> tuple[datetime, int]:
        """When, so that those who have had it had it by now, in the hours in which people may be texted."""
        now = timezone.now().astimezone(self.business.zone)
        seconds = int(len(self.club) * HAD_IT / 100 / self.number.pace) if self.number.pace else 600
        ends = now
        if not FROM <= (now - timedelta(seconds=seconds)).time() <= now.time() <= UNTIL:
            last = now.date() if now.time() > UNTIL else now.date() - timedelta(days=1)
            ends = datetime.combine(last, UNTIL, self.business.zone)
        return ends - timedelta(seconds=seconds), seconds

    def to_come(self) -> None:
        """One for Monday at ten, and a draft."""
        now = timezone.now().astimezone(self.business.zone)
        monday = now.date() + timedelta(days=7 - now.weekday())
        self._campaign(
            "New stylist, new times",
            "Ines has joined us, and we’re open until 8 PM on Thursdays now. Call or text us to book.",
            Campaign.Status.SCHEDULED,
            send_at=datetime.combine(monday, time(10), self.business.zone),
            changed_at=now - timedelta(hours=20),
        )
        self._campaign(
            "January offer",
            "Hi {{ client.first_name | default: 'there' }}, 15% off any color before noon, all of January.",
            Campaign.Status.DRAFT,
            changed_at=now - timedelta(hours=26),
            changed_by=self.members.get("jules"),
            started_by=None,
        )

    def save(self) -> None:
        """Write what was made."""
        Recipient.objects.bulk_create(self.recipients)
        texts, nobodys = {message.pk: message for message in self.messages}, tokens.token_of(wording.SOMEBODY)
        for recipient in self.recipients:
            if recipient.message_id:
                text = texts[recipient.message_id]
                text.body = text.body.replace(nobodys, tokens.token_of(recipient.pk))
        Message.objects.bulk_create(self.messages)
        Conversation.objects.bulk_update(
            self.conversations.values(), ["last_message", "last_at", "closed_at"]
        )
        self.tally.write()
        for phone, at in self.gone.items():
            line = self.business.consents.create(
                phone=phone,
                category=Consent.Category.ALL,
                says=Consent.Says.REFUSED,
                how=Consent.How.TEXT,
                words="STOP",
                our_number=self.number.number,
                said_at=at,
                recorded_at=at + timedelta(milliseconds=80),
            )
            self.business.handsets.filter(phone=phone).update(
                service=Handset.Service.REFUSED,
                marketing=Handset.Marketing.REFUSED,
                service_by=line.pk,
                marketing_by=line.pk,
                changed_at=line.recorded_at,
            )

    def _campaign(self, name: str, words: str, status: str, **more: object) -> Campaign:
        nora = self.members.get("nora")
        values = {"changed_by": nora, "started_by": nora} | more
        campaign = Campaign.objects.create(
            business=self.business,
            name=name,
            wording=words,
            status=status,
            audience=Audience(who="some", tags=(CLUB,)).kept,
            canary=False,
            **values,
        )
        Link.objects.bulk_create(
            Link(id=new_id(), business=self.business, campaign=campaign, place=place, url=url)
            for place, url in enumerate(wording.links_in([words]))
        )
        return campaign

    def _people(self, campaign: Campaign, begins: datetime, seconds: int, had_it: int) -> None:
        """A row for each of the club; those who had it, one after another in this time."""
        known = {
            one.phone: one for one in self.business.handsets.filter(phone__in=[c.phone for c in self.club])
        }
        landline = {person.phone for person in landlines()}
        club = self.chance.sample(list(self.club), k=len(self.club))
        fit = [
            client
            for client in club
            if client.phone in known
            and known[client.phone].reach != Handset.Reach.LANDLINE
            and client.phone not in self.gone
        ]
        out = len(fit) * had_it // 100
        words = cache(wording.of(campaign).compose)
        by_name: dict[str, Client] = {}
        places: Counter[bool] = Counter()
        for client in club:
            may = client in fit
            places[may] += 1
            place = places[may]
            recipient = Recipient(
                business=self.business,
                campaign=campaign,
                client=client,
                phone=client.phone,
                place=place,
                state=Recipient.State.WAITING,
                opens_at=begins,
            )
            self.recipients.append(recipient)
            if not may:
                recipient.state = Recipient.State.SKIPPED
                recipient.code = (
                    "no_consent"
                    if client.phone not in known
                    else "opted_out"
                    if client.phone in self.gone
                    else "landline"
                )
                self.tally.add(self._of(campaign), "a", "skipped", recipient.code)
            elif place <= out:
                at = begins + timedelta(seconds=seconds * place / max(1, out) - self.chance.random() * 3)
                self._had_it(
                    campaign,
                    recipient,
                    words(by_name.setdefault(client.first_name, client)),
                    at,
                    client.phone in landline,
                )
            else:
                self.tally.add(self._of(campaign), "a", "waiting")
        campaign.fit, campaign.unfit, campaign.queued = len(fit), len(club) - len(fit), out
        campaign.save(update_fields=["fit", "unfit", "queued"])

    def _had_it(
        self, campaign: Campaign, recipient: Recipient, body: str, at: datetime, landline: bool
    ) -> None:
        conversation = self.conversations[recipient.client_id]
        message = Message(
            business=self.business,
            conversation=conversation,
            direction=Message.Direction.OUT,
            kind=Message.Kind.MARKETING,
            title=campaign.name,
            body=body,
            state=Message.State.UNDELIVERED if landline else Message.State.DELIVERED,
            code="30006" if landline else "",
            reason="This number cannot get texts: it is a landline, or not in use. Call, or send an email."
            if landline
            else "",
            number=self.number,
            their_address=recipient.phone,
            segments=segments.count(body).segments,
            at=at,
            changed_at=at + timedelta(seconds=self.chance.uniform(2, 6)),
        )
        self.messages.append(message)
        conversation.last_message, conversation.last_at = message, at
        recipient.message_id, recipient.queued_at, recipient.segments = message.pk, at, message.segments
        recipient.state = Recipient.State.FAILED if landline else Recipient.State.DELIVERED
        recipient.code = message.code
        self.tally.became(self._of(campaign), "a", recipient.state, message.changed_at, message.code)

    def _they_did(self, campaign: Campaign, replied: int, opted_out: int, clicked: int) -> None:
        """Some minutes after they got it."""
        got = [
            one
            for one in self.recipients
            if one.campaign_id == campaign.pk and one.state == Recipient.State.DELIVERED
        ]
        for what, number in (("replied", replied), ("opted_out", opted_out), ("clicked", clicked)):
            for one in self.chance.sample(got, k=min(number, len(got))):
                assert one.queued_at
                at = min(one.queued_at + timedelta(minutes=self.chance.expovariate(0.4)), timezone.now())
                setattr(one, f"{what}_at", at)
                if what == "opted_out":
                    self.gone[one.phone] = at
                self.tally.became(self._of(campaign), "a", what, at)
        Link.objects.filter(campaign=campaign, place=0).update(clicks=min(clicked, len(got)))

    def _of(self, campaign: Campaign) -> tuple[uuid.UUID, uuid.UUID]:
        return self.business.pk, campaign.pk
