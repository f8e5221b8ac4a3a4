"""What a campaign would do if it began as it stands: who gets it and who does not, how many texts, until when.

It is asked by an open page, with all that is typed there, saved or not; counted by a job, for a million clients take
seconds; kept under a hash of what it depends on; and shown when the job's nudge comes. It asks what `preparing` and
`clock` ask, by their own statements, so what is foretold is what happens, but for what changes meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from procrastinate.exceptions import AlreadyEnqueued

from parley.alerts.wording import Unfit, named
from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.campaigns import audience, preparing, wording
from parley.campaigns.models import Campaign, Foretelling
from parley.clients.models import Client
from parley.live.nudges import nudge
from parley.messaging.sending import ROOM_TO_ARRIVE, as_sent
from parley.sms import quiet_hours, segments
from parley.sms.zones import regions_of, zones_of

# What was counted so long ago is counted anew: people agree, opt out, and hours pass.
FRESH = timedelta(minutes=10)
KEPT = timedelta(days=1)
# So many different sets of details are put into the words; of more, as many people stand for all.
MOST_WORDS = 20_000
SAMPLE = 4_000
# So many different places are asked for their hours; of more, only the state and the number count.
MOST_PLACES = 60_000
SHOWN_OF_EACH = 3
# No course is followed further.
FARTHEST = timedelta(days=60)
FAR = datetime.max.replace(tzinfo=UTC)


@dataclass
class Foretold:
    """What will be. Times are ISO 8601; counts are people, but for `least`, `most` and `texts`: segments."""

    at: str
    begins: str
    fit: int = 0
    """Who gets it."""
    unfit: dict[str, int] = field(default_factory=dict)
    """Who does not, by `audience.WHY_NOT`."""
    shown: dict[str, list[str]] = field(default_factory=dict)
    """The ids of a few of each of those."""
    variants: dict[str, int] = field(default_factory=dict)
    least: int = 0
    most: int = 0
    texts: int = 0
    about: bool = False
    """`texts` is worked out from some of the people."""
    worded: bool = True
    """Its words can be sent; if not, nothing is said of texts."""
    first_few: int = 0
    number: bool = True
    """Is there a number to send from?"""
    at_once: int = 0
    """For how many it is an hour at which they may be texted when it begins."""
    opens: str = ""
    """When the first of the others may be texted."""
    ends: str = ""
    """When the last text leaves, at the numbers' pace; empty: later than is followed."""
    paced: bool = True
    """The numbers have a pace."""

    @property
    def later(self) -> int:
        """How many wait for their hours."""
        return self.fit - self.at_once

    @property
    def left_out(self) -> int:
        return sum(self.unfit.values())

    @property
    def began(self) -> datetime:
        return datetime.fromisoformat(self.begins)

    @property
    def opens_at(self) -> datetime | None:
        return datetime.fromisoformat(self.opens) if self.opens else None

    @property
    def ends_at(self) -> datetime | None:
        return datetime.fromisoformat(self.ends) if self.ends else None

    @property
    def lasts(self) -> timedelta:
        return (self.ends_at or self.began) - self.began


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page is shown: what is foretold, if anything is; whether it is what was asked, and whether more comes."""

    told: Foretold | None = None
    counting: bool = False


# ---- Asking


def ask(campaign: Campaign, page: uuid.UUID) -> Answer:
    """What is foretold of a campaign as it stands, which need not be saved; what is not known yet is counted by a job.

    `page` is the open page that asks: while its last question is counted, it is shown the answer to the one before.
    """
    business, now = campaign.business, timezone.now()
    asked = _asked(campaign)
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
    row, made = Foretelling.objects.get_or_create(
        business=business, key=key, defaults={"id": new_id(), "page": page, "asked": asked, "asked_at": now}
    )
    if row.told_at and row.told_at > now - FRESH:
        return Answer(_read(row))
    # What its page asked for before something else may have been passed over (`tell`).
    if made or row.told_at or row.asked_at < now - FRESH or _latest(business, page) != row.pk:
        Foretelling.objects.filter(pk=row.pk).update(page=page, asked_at=now)
        _enqueue(row)
    before = row if row.told else _before(business, page)
    return Answer(_read(before) if before else None, counting=True)


def known(campaign: Campaign) -> Foretold | None:
    """What was foretold of a campaign as it stands, if it was; nothing is counted for it."""
    asked = _asked(campaign)
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
    row = Foretelling.objects.filter(business=campaign.business, key=key, told__isnull=False).first()
    return _read(row) if row else None


def keep(campaign: Campaign) -> None:
    """Let a campaign that waits for its time say to about how many it goes, as far as that is known."""
    told = known(campaign)
    waiting = Campaign.objects.filter(
        business=campaign.business, pk=campaign.pk, status=Campaign.Status.SCHEDULED
    )
    waiting.update(fit=told.fit if told else 0)


def _asked(campaign: Campaign) -> dict[str, Any]:
    """All that it depends on."""
    two = bool(campaign.share_b and campaign.wording_b)
    return {
        "campaign": str(campaign.pk),
        "wording": campaign.wording,
        "wording_b": campaign.wording_b if two else "",
        "share_b": campaign.share_b if two else 0,
        "audience": campaign.audience,
        "rest_days": campaign.rest_days,
        "canary": campaign.canary,
        "at": campaign.send_at.astimezone(UTC).isoformat() if campaign.send_at else "",
    }


def _latest(business: Business, page: uuid.UUID) -> uuid.UUID | None:
    asked = Foretelling.objects.filter(business=business, page=page).order_by("-asked_at")
    return asked.values_list("pk", flat=True).first()


def _before(business: Business, page: uuid.UUID) -> Foretelling | None:
    return (
        Foretelling.objects.filter(business=business, page=page, told__isnull=False)
        .order_by("-asked_at")
        .first()
    )


def _read(row: Foretelling) -> Foretold:
    return Foretold(**(row.told or {}))


def _enqueue(row: Foretelling) -> None:
    from parley.campaigns.tasks import foretell

    # One count of a business at a time, and each once.
    job = foretell.configure(lock=f"foretell {row.business_id}", queueing_lock=f"foretell {row.pk}")
    try:
        with transaction.atomic():
            job.defer(business_id=str(row.business_id), id=str(row.pk))
    except AlreadyEnqueued:
        pass


def tell(business: Business, id: uuid.UUID) -> None:
    """Count what was asked, and nudge whoever waits for it; not what its page has asked anew since."""
    # Everybody's: it is asked for seldom, and holds what was typed.
    Foretelling.objects.filter(asked_at__lt=timezone.now() - KEPT).delete()
    row = Foretelling.objects.filter(business=business, pk=id).first()
    if row is None:
        return
    if Foretelling.objects.filter(business=business, page=row.page, asked_at__gt=row.asked_at).exists():
        return
    asked = row.asked
    campaign = Campaign(
        id=uuid.UUID(asked["campaign"]),
        business=business,
        send_at=datetime.fromisoformat(asked["at"]) if asked["at"] else None,
        **{name: asked[name] for name in _AS_ASKED},
    )
    with transaction.atomic():
        told = foretell(campaign)
        Foretelling.objects.filter(pk=row.pk).update(told=asdict(told), told_at=timezone.now())
        saved = business.campaigns.filter(pk=campaign.pk, status=Campaign.Status.SCHEDULED).first()
        # Not of what is typed and not saved.
        if saved and _asked(saved) == asked:
            keep(saved)
        nudge(business.pk, [])


_AS_ASKED = ("wording", "wording_b", "share_b", "audience", "rest_days", "canary")


# ---- Counting. One table of everybody who is meant, for as long as the transaction; each figure is a look at it.

# Of an address only what tells a state counts, and the number only where there is no address: so there are few places.
_ADDRESS = """
    CASE WHEN postal_code ~ '^\\s*[0-9]{5}' THEN left(btrim(postal_code), 5)
         WHEN postal_code ~* '^\\s*[A-Z][0-9][A-Z]' THEN upper(left(btrim(postal_code), 3)) ELSE '' END
"""
_MEANT = """
    CREATE TEMPORARY TABLE foretold ON COMMIT DROP AS
    WITH judged AS ({judged}), placed AS (SELECT *, {place} AS place FROM judged)
    SELECT id, why, phone, language, {first_name} AS first_name, {last_name} AS last_name, {variant} AS variant,
           time_zone, region, {address} AS postal_code
    FROM placed
"""
_WHYS = "SELECT why, count(*)::int FROM foretold GROUP BY why"
_SHOWN = """
    SELECT w.why, few.id FROM unnest(%(whys)s::text[]) AS w (why),
        LATERAL (SELECT id FROM foretold f WHERE f.why = w.why LIMIT %(most)s) few
"""
_WORDS = """
    SELECT variant, language, first_name, last_name, count(*)::int FROM foretold WHERE why = ''
    GROUP BY variant, language, first_name, last_name LIMIT %(most)s
"""
_SOME_WORDS = """
    SELECT variant, language, first_name, last_name, 1 FROM foretold WHERE why = ''
    ORDER BY uuid_hash_extended(id, 0) LIMIT %(most)s
"""
_PLACES = """
    SELECT time_zone, region, postal_code, min(phone), count(*)::int FROM foretold WHERE why = ''
    GROUP BY time_zone, region, postal_code,
             CASE WHEN region = '' AND postal_code = '' THEN left(phone, 5) ELSE '' END
    LIMIT %(most)s
"""
_ROUGH_PLACES = """
    SELECT time_zone, region, '', min(phone), count(*)::int FROM foretold WHERE why = ''
    GROUP BY time_zone, region, left(phone, 5)
"""
_PACE = """
    SELECT count(*)::int, coalesce(bool_and(pace > 0), true), coalesce(sum(pace), 0)::float FROM numbers_phonenumber
    WHERE duty = 'marketing' AND paused = '' AND releasing_at IS NULL AND released_at IS NULL
      AND approved_at IS NOT NULL
"""


def foretell(campaign: Campaign) -> Foretold:
    """Count it; the campaign need not be saved. Writes nothing that lasts."""
    now = timezone.now()
    begins = max(campaign.send_at or now, now)
    told = Foretold(at=now.isoformat(), begins=begins.isoformat())
    judged, given = audience.judged(campaign)
    names = _details(campaign)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute("SET LOCAL statement_timeout = '60s'")
        statement = _MEANT.format(
            judged=judged,
            place=preparing.PLACE if campaign.share_b else "0",
            variant=preparing.VARIANT if campaign.share_b else "'a'",
            first_name="first_name" if names & {"client.first_name", "client.full_name"} else "''",
            last_name="last_name" if names & {"client.last_name", "client.full_name"} else "''",
            address=_ADDRESS,
        )
        cursor.execute(statement, given | preparing.turns(campaign))
        cursor.execute(_WHYS)
        whys = dict(cursor.fetchall())
        told.fit = whys.pop("", 0)
        told.unfit = whys
        cursor.execute(_SHOWN, {"whys": list(whys), "most": SHOWN_OF_EACH})
        for why, id in cursor.fetchall():
            told.shown.setdefault(why, []).append(str(id))
        told.first_few = preparing.first_few(campaign, told.fit)
        _count_texts(cursor, told, campaign)
        _follow_hours(cursor, told, begins)
        cursor.execute("DROP TABLE foretold")
    return told


def _details(campaign: Campaign) -> set[str]:
    """The details that its words name."""
    found: set[str] = set()
    for source in (campaign.wording, campaign.wording_b if campaign.share_b else ""):
        try:
            found |= named(source)
        except Unfit:
            continue
    return found


def _leaves_out(told: Foretold, why: str, people: int) -> None:
    if people:
        told.fit -= people
        told.unfit[why] = told.unfit.get(why, 0) + people


# ---- Texts


def next_recipient(people: int = 1) -> int:
    """The id that the last of so many recipients would have: how long the addresses in their texts are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM campaigns_recipient_id_seq")
        (last,) = cursor.fetchone()
    return int(last) + people


def _count_texts(cursor: Any, told: Foretold, campaign: Campaign) -> None:
    sources = [campaign.wording, *([campaign.wording_b] if campaign.share_b else [])]
    told.worded = not any(wording.problems(source) for source in sources)
    if not told.worded:
        return
    cursor.execute(_WORDS, {"most": MOST_WORDS + 1})
    groups = cursor.fetchall()
    if len(groups) > MOST_WORDS:
        cursor.execute(_SOME_WORDS, {"most": SAMPLE})
        groups, told.about = cursor.fetchall(), True
    words = wording.Words(campaign.business, campaign, preparing.links(campaign))
    recipient = next_recipient(told.fit + told.left_out)
    counted, texts, silent = 0, 0, Counter[str]()
    for variant, language, first_name, last_name, people in groups:
        client = Client(first_name=first_name, last_name=last_name, language=language)
        try:
            cost = segments.count(as_sent(words.compose(client, recipient, variant))).segments
        except Unfit as unfit:
            silent[wording.why_unfit(unfit)] += people
            continue
        counted, texts = counted + people, texts + cost * people
        told.variants[variant] = told.variants.get(variant, 0) + people
        told.least = min(told.least or cost, cost)
        told.most = max(told.most, cost)
    share = told.fit / (counted + silent.total()) if told.about else 1
    if told.about:
        told.variants = {variant: round(people * share) for variant, people in told.variants.items()}
    told.texts = round(texts * share)
    for why, people in silent.items():
        _leaves_out(told, why, round(people * share))


# ---- Hours


@dataclass(slots=True)
class Group:
    """People for whom the same hours hold."""

    place: quiet_hours.Place
    people: float = 0
    opens: datetime = FAR
    closes: datetime = FAR

    def look(self, at: datetime) -> None:
        """Their window at `at`, or the next. Raises quiet_hours.NoWindow."""
        window = quiet_hours.next_window(at + ROOM_TO_ARRIVE, self.place)
        self.opens, self.closes = window.opens_at, window.closes_at - ROOM_TO_ARRIVE


def _follow_hours(cursor: Any, told: Foretold, begins: datetime) -> None:
    cursor.execute(_PACE)
    numbers, paced, pace = cursor.fetchone()
    told.number, told.paced = numbers > 0, paced
    cursor.execute(_PLACES, {"most": MOST_PLACES + 1})
    rows = cursor.fetchall()
    if len(rows) > MOST_PLACES:
        cursor.execute(_ROUGH_PLACES)
        rows = cursor.fetchall()
    groups = []
    for group in _by_hours(rows):
        try:
            group.look(begins)
        except quiet_hours.NoWindow:
            _leaves_out(told, "no_hours", round(group.people))
        else:
            groups.append(group)
    told.at_once = min(told.fit, round(sum(group.people for group in groups if group.opens <= begins)))
    opens = [group.opens for group in groups if group.opens > begins]
    told.opens = min(opens).isoformat() if opens else ""
    # A pace is one of segments.
    each = told.texts / told.fit if told.texts and told.fit else 1
    ends = _course(groups, begins, pace / each if paced else 0.0) if numbers else None
    told.ends = ends.isoformat() if ends else ""


def _by_hours(rows: Iterable[tuple[str, str, str, str, int]]) -> Iterable[Group]:
    """Places whose clocks and laws are the same are one."""
    groups: dict[tuple[frozenset[str], frozenset[str]], Group] = {}
    for zone, region, postal_code, phone, people in rows:
        place = quiet_hours.Place(number=phone, zone=zone, region=region, postal_code=postal_code)
        group = groups.setdefault((zones_of(place)[0], regions_of(place)), Group(place))
        group.people += people
    return groups.values()


def _course(groups: list[Group], begins: datetime, pace: float) -> datetime | None:
    """When the last of them has had theirs, at so many a second (0: at once), each within their hours."""
    at, waiting = begins, list(groups)
    while waiting and at < begins + FARTHEST:
        now = [group for group in waiting if group.opens <= at]
        others = [group for group in waiting if group.opens > at]
        if not now:
            at = min(group.opens for group in others)
            continue
        if not pace:
            waiting = others
            continue
        until = min([group.closes for group in now] + [group.opens for group in others])
        most, people = pace * (until - at).total_seconds(), sum(group.people for group in now)
        if people <= most:
            at += timedelta(seconds=people / pace)
            waiting = others
            continue
        at = until
        for group in now:
            group.people *= 1 - most / people
            if group.closes <= at:
                try:
                    group.look(at)
                except quiet_hours.NoWindow:
                    return None
    return None if waiting else at


def names_of(business: Business, told: Foretold) -> Mapping[str, list[Client]]:
    """The few of each who get nothing, by why not; by one query."""
    ids = [uuid.UUID(id) for few in told.shown.values() for id in few]
    found = {client.pk: client for client in business.clients.filter(pk__among=ids).defer("search")}
    return {
        why: [found[id] for each in few if (id := uuid.UUID(each)) in found]
        for why, few in told.shown.items()
    }
