"""Write the sample business, and set up the pretend world around it. Doing it again changes nothing."""

from __future__ import annotations

import json
import random
import urllib.request
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from parley.businesses.demo import BEGINNER, OWNER
from parley.businesses.models import Business, Member, User
from parley.clients.models import Client, Consent, Handset
from parley.inbox.sample import calls, people, stories
from parley.inbox.sample.bills import use_bills
from parley.inbox.sample.campaigns import landlines, use_campaigns
from parley.inbox.sample.texts import use_texts
from parley.inbox.sample.visits import fill_calendar
from parley.messaging.models import Conversation, Lane, Message
from parley.notifications.models import Notification
from parley.numbers.models import PhoneNumber, Registration
from parley.numbers.provisioning import addresses
from parley.sms import segments

PASSWORD = "juniper-demo-1"  # noqa: S105  the demo's own, printed on its sign-in page
DAYS = ("Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
TIMES = ("9:30 AM", "10:15 AM", "11:00 AM", "1:30 PM", "2:45 PM", "4:00 PM")


def load() -> Business:
    """The sample business, made if it is not there; and what stands around it."""
    with transaction.atomic():
        _pools()
        _harbour()
        existing = Business.objects.filter(name=people.BUSINESS, members__user__email=OWNER).first()
        business = existing or _Loader().run()
        _registration(business)
        _calendar(business)
        use_bills(business)
        use_campaigns(business, _members(business))
        return business


def _pools() -> None:
    """The shared numbers, as an operator would have filled them."""
    for duty, numbers in (("system", people.SYSTEM), ("marketing", people.MARKETING)):
        for number in numbers:
            PhoneNumber.objects.get_or_create(
                number=number,
                released_at=None,
                defaults={"duty": duty, "approved_at": timezone.now(), "pace": people.PACES[duty]},
            )


def _harbour() -> None:
    """A business on a paid plan that has not begun to text: activation can be tried with it."""
    if User.objects.filter(email=BEGINNER).exists():
        return
    business = Business.objects.create(
        name=people.HARBOUR,
        country="CA",
        time_zone="America/Toronto",
        email="bonjour@harbourphysio.example",
        plan_id="essentials",
    )
    owner = User.objects.create_user(BEGINNER, PASSWORD, name=people.HARBOUR_OWNER)
    Member.objects.create(business=business, user=owner, role=Member.Role.OWNER)
    for person in people.OF_HARBOUR:
        _client(business, person, timezone.now().date())


def _registration(business: Business) -> None:
    """How Juniper came by its number: eight weeks ago, within the usual time."""
    number = business.numbers.filter(number=people.NUMBER).first()
    if (
        number is None
        or number.approved_at is None
        or Registration.objects.filter(business=business).exists()
    ):
        return
    sent = number.approved_at - timedelta(days=28)
    Registration.objects.create(
        business=business,
        status=Registration.Status.APPROVED,
        number=number,
        wanted=number.number,
        decided_at=number.approved_at,
        submitted_at=sent,
        saved_at=sent,
        submissions=1,
        **people.JUNIPER_REGISTERED,
    )


def _members(business: Business) -> dict[str, Member]:
    return {member.first_name.lower(): member for member in business.members.select_related("user")}


def _calendar(business: Business) -> None:
    members = _members(business)
    if {"nora", "jules"} <= members.keys():
        both = {name: members[name] for name in ("nora", "jules")}
        fill_calendar(business, both, _today(business), seed=855)


def _today(business: Business) -> date:
    """Opened before the shop is, the demo shows yesterday's last words, not texts sent at four in the morning."""
    local = timezone.localtime(timezone.now(), business.zone)
    return local.date() if local.time() >= time(9, 50) else local.date() - timedelta(days=1)


def _client(business: Business, person: people.Person, today: date) -> Client:
    client = Client.objects.create(
        business=business,
        first_name=person.first,
        last_name=person.last,
        phone=person.phone,
        email=person.email,
        tags=person.tags,
        good_to_know=person.note,
        since=today - timedelta(days=person.since * 30) if person.since else None,
    )
    week_ago = timezone.now() - timedelta(days=7)
    if person.texting == "cannot":
        business.handsets.create(phone=client.phone, reach=Handset.Reach.LANDLINE, changed_at=week_ago)
    elif person.texting == "stopped":
        _says(client, Consent.Says.REFUSED, Consent.Category.ALL, Consent.How.TEXT, "STOP", week_ago)
    elif client.since and int(client.phone[-4:]) % 3 == 0:
        at = datetime.combine(client.since, time(15, 18), business.zone)
        agreed = Consent.Says.AGREED, Consent.Category.MARKETING, Consent.How.WEB_FORM
        _says(client, *agreed, people.OFFERS.format(business=business), at)
    return client


def _says(
    client: Client,
    says: Consent.Says,
    category: Consent.Category,
    how: Consent.How,
    words: str,
    at: datetime,
) -> None:
    """A line of the ledger from long ago, and what followed from it; `consent.record` would say that it acts now."""
    line = client.business.consents.create(
        phone=client.phone,
        category=category,
        says=says,
        how=how,
        words=words,
        our_number=people.NUMBER if how == Consent.How.TEXT else "",
        said_at=at,
        recorded_at=at + timedelta(milliseconds=80),
    )
    everything = category == Consent.Category.ALL
    client.business.handsets.create(
        phone=client.phone,
        service=says if everything else "",
        marketing=says,
        service_by=line.id if everything else None,
        marketing_by=line.id,
        changed_at=line.recorded_at,
    )


class _Loader:
    def __init__(self) -> None:
        # The same people say the same things on every machine.
        self.chance = random.Random(855)  # noqa: S311  not a secret
        self.rare = self.chance.sample(stories.NOW_AND_THEN, k=len(stories.NOW_AND_THEN))
        self.now = timezone.now()
        self.messages: list[Message] = []
        self.notifications: list[Notification] = []
        self.conversations: dict[Any, Conversation] = {}
        self.calls: list[calls.Told] = []

    def run(self) -> Business:
        self.business = Business.objects.create(
            name=people.BUSINESS,
            country="US",
            time_zone="America/Los_Angeles",
            email="hello@juniperhair.example",
            plan_id="business",
            mode=Business.Mode.CALLS,
            two_way=True,
        )
        # It came before its registration was sent, and its pace is counted from then.
        Business.objects.filter(pk=self.business.pk).update(created_at=self.now - timedelta(days=90))
        self.today = _today(self.business)
        self.members = {
            "nora": self._member("Nora Kim", OWNER, Member.Role.OWNER),
            "jules": self._member("Jules Martin", "jules@juniperhair.example", Member.Role.STAFF),
        }
        self.number = PhoneNumber.objects.create(
            number=people.NUMBER,
            business=self.business,
            pace=3,
            approved_at=self.now - timedelta(days=60),
        )
        Lane.objects.create(number=self.number, next_at=self.now)
        for person in people.KNOWN:
            self._tell(person, stories.KNOWN[person.phone])
        for place, person in enumerate(people.MANY):
            self._tell(person, self._everyday(person, place) + stories.CALLS.get(person.phone, []))
        Message.objects.bulk_create(self.messages)
        calls.save(self.business, self.members, self.calls)
        self._settle_conversations()
        use_texts(self.business, self.messages, self.now, self.chance)
        Notification.objects.bulk_create(self.notifications)
        Member.objects.filter(business=self.business).update(
            notifications_read_at=self.now - timedelta(hours=24)
        )
        return self.business

    def _member(self, name: str, email: str, role: str) -> Member:
        user = User.objects.create_user(email, PASSWORD, name=name)
        return Member.objects.create(business=self.business, user=user, role=role)

    def _everyday(self, person: people.Person, place: int) -> list[stories.Line]:
        lines: list[stories.Line] = []
        days = sorted(self.chance.sample(range(1, 60), k=self.chance.randint(2, 5)), reverse=True)
        for days_ago in days:
            rare = self.rare and self.chance.random() < 0.15
            exchange = self.rare.pop() if rare else self.chance.choice(stories.EVERYDAY)
            who = self.chance.choice(("nora", "jules"))
            words = {
                "first": person.first,
                "staff": who.title(),
                "who": who,
                "day": self.chance.choice(DAYS),
                "time": self.chance.choice(TIMES),
            }
            minute = self.chance.randint(9 * 60, 16 * 60)
            for speaker, line in exchange:
                lines.append(
                    (
                        days_ago,
                        f"{minute // 60:02}:{minute % 60:02}",
                        speaker.format(**words),
                        line.format(**words),
                    )
                )
                minute += self.chance.randint(2, 25)
        return lines

    def _tell(self, person: people.Person, lines: list[stories.Line]) -> None:
        today = self.today
        client = _client(self.business, person, today)
        conversation = Conversation.objects.create(business=self.business, client=client, last_at=self.now)
        for place, line in enumerate(lines):
            self._say(client, conversation, line, self._when(today, line) + timedelta(seconds=place))

    def _when(self, today: date, line: stories.Line) -> datetime:
        hour, minute = map(int, line[1].split(":"))
        return datetime.combine(today - timedelta(days=line[0]), time(hour, minute), self.business.zone)

    def _say(self, client: Client, conversation: Conversation, line: stories.Line, at: datetime) -> None:
        who, words = line[2], line[3]
        if calls.marks(who):
            self._call(client, conversation, (who, words), at)
            return
        inbound = who in ("client", "unread")
        message = Message(
            business=self.business,
            conversation=conversation,
            body=words,
            at=at,
            changed_at=at + timedelta(seconds=4),
            number=self.number,
            their_address=client.phone,
            segments=segments.count(words).segments,
            direction=Message.Direction.IN if inbound else Message.Direction.OUT,
            state=Message.State.RECEIVED if inbound else Message.State.DELIVERED,
            author=self.members.get(who),
        )
        kind, _, name = who.partition(":")
        if kind == "auto":
            message.kind, message.title = Message.Kind.TRANSACTIONAL, name
        elif kind == "email":
            message.channel, message.subject, message.author = (
                Message.Channel.EMAIL,
                name,
                self.members["jules"],
            )
            message.number, message.their_address, message.segments = None, client.email, 0
            message.state = Message.State.SENT
        elif kind == "failed":
            message.author, message.state, message.code = self.members["nora"], Message.State.FAILED, "30006"
            message.reason = "That number is a landline or can’t get texts."
        elif kind == "unread":
            conversation.unread += 1
            self.notifications.append(
                Notification(
                    business=self.business,
                    kind=Notification.Kind.TEXT,
                    title=client.name,
                    words=words[:200],
                    conversation_id=conversation.id,
                    initials=client.initials,
                    tint=client.tint,
                    created_at=at,
                )
            )
        if message.author and message.channel == Message.Channel.SMS:
            conversation.assignee = message.author
        conversation.last_message, conversation.last_at = message, at
        # A text that Parley sent by itself is no answer to whoever called.
        conversation.waiting = who == "unread" or (kind == "auto" and conversation.waiting)
        self.messages.append(message)
        self.conversations[conversation.id] = conversation

    def _call(self, client: Client, conversation: Conversation, line: tuple[str, str], at: datetime) -> None:
        told = calls.call_of(self.business, self.members, self.number, conversation, line, at)
        new = told.voicemail is not None and told.voicemail.heard_at is None
        if new:
            conversation.unread += 1
            self.notifications.append(calls.news_of(told, client))
        if told.call.member:
            conversation.assignee = told.call.member
        conversation.last_message, conversation.last_at = told.message, at
        conversation.waiting = new
        self.messages.append(told.message)
        self.calls.append(told)
        self.conversations[conversation.id] = conversation

    def _settle_conversations(self) -> None:
        Conversation.objects.bulk_update(
            self.conversations.values(), ["last_message", "last_at", "unread", "waiting", "assignee"]
        )
        # What has been quiet for a month is closed, so that Open shows what matters.
        Conversation.objects.filter(
            business=self.business, last_at__lt=self.now - timedelta(days=30), waiting=False
        ).update(closed_at=self.now - timedelta(days=20))


def set_up_world(url: str, business: Business) -> None:
    """Give the sandbox our number, the clients' handsets and what they already hold. Raises OSError if it is away."""
    number = business.numbers.get(number=people.NUMBER)
    history = [
        {
            "from": message.their_address if message.inbound else number.number,
            "to": number.number if message.inbound else message.their_address,
            "body": message.body,
            "at": message.at.isoformat(),
            "status": "received" if message.inbound else "delivered",
        }
        for message in business.messages.filter(channel="sms", state__in=["received", "delivered"])
        # Campaigns leave from another number, and would fill the list of handsets.
        .exclude(kind=Message.Kind.MARKETING)
        .order_by("at")
    ]
    owners = {number: business.name}
    owners |= dict.fromkeys(PhoneNumber.objects.filter(business=None, released_at=None), "Parley, shared")
    phones = {
        person.phone: person for person in [*people.KNOWN, *people.MANY, *people.OF_HARBOUR, *landlines()]
    }
    told = addresses("twilio")
    world: dict[str, Any] = {
        "numbers": [
            {
                "phone_number": ours.number,
                "country": business.country,
                "owner": owner,
                "sms_url": told["sms_url"],
                "voice_url": told["voice_url"],
                "status_callback": told["ended_url"],
                "verified": True,
                "pace": ours.pace,
            }
            for ours, owner in owners.items()
        ],
        "handsets": [
            {
                "phone_number": person.phone,
                "name": f"{person.first} {person.last}".strip(),
                "line_type": person.line,
            }
            for person in phones.values()
        ]
        + [
            {"phone_number": member.phone, "name": str(member), "line_type": "mobile"}
            for member in business.members.exclude(phone="").select_related("user")
        ],
        "history": history,
    }
    request = urllib.request.Request(  # noqa: S310  our own sandbox's address
        f"{url}/sandbox/world",
        json.dumps(world).encode(),
        {"Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=20):  # noqa: S310
        pass
