"""Twilio's API as Parley's Carrier: sending, asking what became of it, and renting numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, urlencode

from yarl import URL

from parley.carriers.base import (
    Accepted,
    Application,
    Doubt,
    LineType,
    Listed,
    Offer,
    Outgoing,
    ReceiptArrived,
    Received,
    Refused,
    Rented,
    Unavailable,
    Verification,
)
from parley.carriers.twilio import keywords, media, signature, verification, voice, webhooks, words
from parley.carriers.twilio.http import Form, Http
from parley.carriers.twilio.webhooks import SID, clean, moment, receipt_status, whole
from parley.carriers.voice import (
    MOST_RECORDING_BYTES,
    CallSaid,
    OutgoingCall,
    RecordingSaid,
    Step,
    TranscriptSaid,
)
from parley.sms.numbers import is_toll_free

_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"PN[0-9a-fA-F]{32}")
_LONGEST_VALIDITY = 36_000
_PAGE = 1_000
_MOST_PAGES = 200

_KINDS = {"toll-free": "TollFree", "local": "Local"}
_LINE_TYPES: dict[str, LineType] = {
    "mobile": "mobile",
    "landline": "landline",
    "fixedVoip": "voip",
    "nonFixedVoip": "voip",
    "tollFree": "toll-free",
}

# Twilio repeats a failed webhook once by default, and only when it could not connect. With these it repeats
# one five times, whatever went wrong, within its 15 seconds. They are not part of the signed address.
_INSIST = "rc=5&rp=all"

_UNREADABLE = "The carrier's records could not be read."


class Twilio:
    """One Twilio account; one instance for each event loop.

    `api_url`, `messaging_url` and `lookups_url` are Twilio's three hosts, or one stand-in for all of them.
    `timeout` (seconds) is for a whole request; a third of it, at most 10 s, is for connecting.
    `shared_keys` are the secrets, by id, of webhook signing keys other than the auth token.
    Raises ValueError for an account or an address that cannot be one.
    """

    name = "twilio"

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        api_url: str = "https://api.twilio.com",
        messaging_url: str = "https://messaging.twilio.com",
        lookups_url: str = "https://lookups.twilio.com",
        timeout: float = 30.0,
        connections: int = 200,
        shared_keys: Mapping[str, str] | None = None,
    ) -> None:
        if not _ACCOUNT.fullmatch(account_sid):
            raise ValueError("A Twilio account SID is AC and 32 hexadecimal digits.")
        self._api = _base(api_url)
        self._verifications = f"{_base(messaging_url)}/v1/Tollfree/Verifications"
        self._lookups = _base(lookups_url)
        self._account = f"{self._api}/2010-04-01/Accounts/{account_sid}"
        self._messages = URL(f"{self._account}/Messages.json", encoded=True)
        self._numbers = URL(f"{self._account}/IncomingPhoneNumbers.json", encoded=True)
        self._auth_token = auth_token
        self._shared_keys = dict(shared_keys or {})
        self._http = Http(account_sid, auth_token, timeout=timeout, connections=connections)

    async def send(
        self,
        text: Outgoing,
        written: Callable[[], None] = lambda: None,
        why_not: Callable[[], str] = lambda: "",
    ) -> Accepted:
        """Hand one text over. Raises NotSent, Paused, Refused or Doubt. Twilio has no key to make it safe to
        repeat, so nothing here ever repeats it.
        """
        form = [("To", text.recipient), ("From", text.sender), ("StatusCallback", text.status_callback)]
        if text.body or not text.media_urls:
            form.append(("Body", text.body))
        form += [("MediaUrl", url) for url in text.media_urls]
        if text.validity_seconds is not None:
            form.append(("ValidityPeriod", str(min(max(text.validity_seconds, 1), _LONGEST_VALIDITY))))
        answer = await self._http.post(self._messages, form, written, why_not)
        sid = answer.get("sid")
        if not (isinstance(sid, str) and SID.fullmatch(sid)):
            raise Doubt(
                "The carrier took this text but gave no usable name for it. It may or may not be sent."
            )
        return Accepted(
            carrier_id=sid,
            status=receipt_status(answer.get("status")) or "accepted",
            segments=whole(answer.get("num_segments")),
        )

    async def fetch(self, carrier_id: str) -> Listed | None:
        """Twilio's row for one of its message SIDs; None if it knows none. Raises Unavailable."""
        if not SID.fullmatch(carrier_id):
            return None
        row = await self._http.get(URL(f"{self._account}/Messages/{carrier_id}.json", encoded=True))
        return None if row is None else _listed(row)

    async def list_between(self, sender: str, recipient: str, since: datetime) -> Sequence[Listed]:
        """Every row from `sender` to `recipient` created since `since`, oldest first. Raises Unavailable.

        Twilio can filter by the day a message was sent, but one that is still queued has no such day, and
        those are the ones in doubt. So this reads all pages of the pair, and compares the time of creation,
        which Twilio gives in whole seconds.
        """
        since = since.replace(microsecond=0)
        query = {"To": recipient, "From": sender, "PageSize": str(_PAGE)}
        rows: dict[str, Listed] = {}
        for row in map(_listed, await self._all(self._messages.with_query(query), "messages")):
            if row.sender == sender and row.recipient == recipient and row.created_at >= since:
                rows[row.carrier_id] = row
        return sorted(rows.values(), key=lambda row: row.created_at)

    async def list_since(self, number: str, since: datetime) -> Sequence[Listed]:
        """Every text from a handset to our `number` created since `since`, oldest first. Raises Unavailable.

        One that came in has a time at which it was sent, so Twilio is asked only for what came since.
        """
        moment = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        rows = await self._newest_since({"To": number, "DateSent>": moment}, since, since)
        return [row for row in rows if row.direction == "inbound" and row.recipient == number]

    async def list_sent(self, number: str, since: datetime) -> Sequence[Listed]:
        """Every text of ours from `number` created since `since`, oldest first. Raises Unavailable.

        One that still waits at Twilio has no day on which it was sent. So all are asked for, the newest first, until
        a page has only such as were made longer ago than any can wait.
        """
        rows = await self._newest_since({"From": number}, since, since - timedelta(seconds=_LONGEST_VALIDITY))
        return [row for row in rows if row.direction == "outbound" and row.sender == number]

    async def as_webhook(self, listed: Listed) -> str:
        """The body that the webhook of this text had, as far as Parley reads it. Raises Unavailable.

        Twilio is asked what came along, if anything did.
        """
        sid = listed.carrier_id
        form = [
            ("MessageSid", sid),
            ("From", listed.sender),
            ("To", listed.recipient),
            ("Body", listed.body),
            ("SmsStatus", "received"),
            ("NumSegments", str(listed.segments or 1)),
        ]
        items: list[Any] = []
        if listed.media:
            url = URL(f"{self._account}/Messages/{sid}/Media.json", encoded=True)
            items = await self._all(url.with_query({"PageSize": str(_PAGE)}), "media_list")
        form.append(("NumMedia", str(len(items))))
        for place, item in enumerate(items):
            if not isinstance(item, dict) or not re.fullmatch(r"ME[0-9a-fA-F]{32}", str(item.get("sid"))):
                raise Unavailable(_UNREADABLE)
            form.append((f"MediaUrl{place}", f"{self._account}/Messages/{sid}/Media/{item['sid']}"))
            form.append((f"MediaContentType{place}", str(item.get("content_type") or "")))
        return urlencode(form)

    async def _newest_since(self, query: dict[str, str], since: datetime, enough: datetime) -> list[Listed]:
        """Rows created since `since`, oldest first; read until a page has only such as are older than `enough`."""
        since = since.replace(microsecond=0)
        first = self._messages.with_query(query | {"PageSize": str(_PAGE)})
        found: dict[str, Listed] = {}

        def old(page: list[Any]) -> bool:
            rows = [_listed(row) for row in page]
            found.update((row.carrier_id, row) for row in rows if row.created_at >= since)
            return all(row.created_at < enough for row in rows)

        await self._all(first, "messages", old)
        return sorted(found.values(), key=lambda row: row.created_at)

    async def fetch_media(self, url: str) -> tuple[str, bytes]:
        """The claimed type and the bytes behind a webhook's MediaUrl. Raises Unavailable or Unfetchable."""
        return await media.fetch(
            url, base=URL(self._api), authorization=self._http.authorization, timeout=self._http.timeout
        )

    def authentic(
        self,
        url: str,
        headers: Mapping[str, str],
        form: Sequence[tuple[str, str]],
        body: bytes | None = None,
    ) -> bool:
        """Was this webhook signed by Twilio? `url` is our configured public address, path and query.

        `form` is what was posted, blank and unknown fields too; `body` only for what is not a form.
        """
        return signature.authentic(self._auth_token, self._shared_keys, url, headers, form, body)

    def answers(self, number: str, body: str) -> bool:
        """Does Twilio or the network itself answer whoever texts this keyword to our number?"""
        return keywords.answered(body, toll_free=is_toll_free(number))

    def blocks(self, number: str, body: str) -> bool:
        """Is our number blocked for whoever texts this to it?"""
        return keywords.blocks(body, toll_free=is_toll_free(number))

    def read_text(self, form: Sequence[tuple[str, str]]) -> Received | None:
        """The text that an inbound webhook states; None if it states none."""
        return webhooks.read_text(form)

    def read_receipt(self, form: Sequence[tuple[str, str]]) -> ReceiptArrived | None:
        """The receipt that a status webhook states; None if it states none."""
        return webhooks.read_receipt(form)

    script_type = voice.SCRIPT_TYPE
    writes_down = voice.WRITES_DOWN

    def script(self, steps: Sequence[Step]) -> bytes:
        """The steps as TwiML."""
        return voice.script(steps)

    def read_call(self, form: Sequence[tuple[str, str]]) -> CallSaid | None:
        """What a request about a call says; None if it says nothing of one."""
        return voice.read_call(form)

    def read_recording(self, form: Sequence[tuple[str, str]]) -> RecordingSaid | None:
        """What a request about a recording says; None if it says nothing of one."""
        return voice.read_recording(form)

    def read_transcript(self, form: Sequence[tuple[str, str]]) -> TranscriptSaid | None:
        """What a request about a transcript says; None if it says nothing of one."""
        return voice.read_transcript(form)

    async def call(self, call: OutgoingCall) -> str:
        """Begin a call; the SID of it. Raises NotSent, Paused, Refused or Doubt, and nothing here repeats it."""
        form = [
            ("To", call.to),
            ("From", call.shows),
            ("Url", call.asks),
            ("Method", "POST"),
            ("Timeout", str(call.ring_seconds)),
            ("StatusCallback", call.tells),
            ("StatusCallbackMethod", "POST"),
            *(("StatusCallbackEvent", step) for step in ("initiated", "ringing", "answered", "completed")),
        ]
        sid = (await self._http.post(URL(f"{self._account}/Calls.json", encoded=True), form)).get("sid")
        if not (isinstance(sid, str) and voice.CALL.fullmatch(sid)):
            raise Doubt("The carrier took this call but gave no usable name for it. It may or may not ring.")
        return sid

    async def end_call(self, carrier_id: str) -> None:
        """Hang up, or find that it has ended. Raises NotSent, Paused, Refused or Doubt."""
        try:
            await self._http.post(self._call(carrier_id), [("Status", "completed")])
        except Refused as refused:
            if refused.code != str(words.CALL_ENDED):
                raise

    async def fetch_call(self, carrier_id: str) -> CallSaid | None:
        """How a call stands in Twilio's log; None if it knows none. Raises Unavailable."""
        row = await self._http.get(self._call(carrier_id))
        return None if row is None else voice.listed(row)

    async def calls_between(self, shows: str, to: str, since: datetime) -> list[CallSaid]:
        """The calls that we made from `shows` to `to` since `since`, oldest first. Raises Unavailable.

        One that waits to begin has no time of its beginning, and Twilio counts those by the day.
        """
        since = since.replace(microsecond=0)
        query = {"From": shows, "To": to, "PageSize": str(_PAGE)}
        url = URL(f"{self._account}/Calls.json", encoded=True).with_query(query)
        found = map(voice.listed, await self._all(url, "calls"))
        rows = [
            row
            for row in found
            if row.caller == shows and row.called == to and (row.at is None or row.at >= since)
        ]
        return sorted(rows, key=lambda row: row.at or since)

    async def fetch_recording(self, recording_id: str) -> bytes:
        """The sound of a recording (WAV). Raises Unavailable or Unfetchable.

        Its address is made here, of its name: credentials follow no address that a request brought.
        """
        try:
            return (
                await media.fetch(
                    f"{self._recording(recording_id)}.wav",
                    base=URL(self._api),
                    authorization=self._http.authorization,
                    timeout=self._http.timeout,
                    most=MOST_RECORDING_BYTES,
                )
            )[1]
        except media.Gone as gone:
            # One that was just made is not there yet.
            raise Unavailable(gone.words) from gone

    async def delete_recording(self, recording_id: str) -> None:
        """Delete it at Twilio, or find it gone. Raises NotSent, Paused, Refused or Doubt."""
        await self._http.delete(URL(f"{self._recording(recording_id)}.json", encoded=True))

    async def lookup(self, number: str) -> LineType | None:
        """What kind of line an E.164 number is, for a fee; None if Twilio cannot say. Raises Unavailable."""
        url = f"{self._lookups}/v2/PhoneNumbers/{quote(number)}?Fields=line_type_intelligence"
        said = await self._http.get(URL(url, encoded=True))
        line = (said or {}).get("line_type_intelligence")
        kind = line.get("type") if isinstance(line, dict) else None
        if not isinstance(kind, str) or kind == "unknown":
            return None
        return _LINE_TYPES.get(kind, "other")

    async def available(
        self, country: Literal["US", "CA"], kind: Literal["toll-free", "local"], *, most: int = 20
    ) -> list[Offer]:
        """Numbers that can text and could be rented. Raises Unavailable."""
        url = URL(f"{self._account}/AvailablePhoneNumbers/{country}/{_KINDS[kind]}.json", encoded=True)
        said = await self._http.get(url.with_query({"SmsEnabled": "true", "PageSize": str(most)}))
        if said is None:
            return []
        offered = said.get("available_phone_numbers")
        if not isinstance(offered, list):
            raise Unavailable(_UNREADABLE)
        return [
            Offer(number=row["phone_number"], region=row.get("region") or "")
            for row in offered
            if isinstance(row, dict) and isinstance(row.get("phone_number"), str)
        ]

    async def rented(self, *, number: str = "", label: str = "") -> list[Rented]:
        """Those of our numbers that are this number, or bear this label. Raises Unavailable."""
        wanted = {"PhoneNumber": number, "FriendlyName": label}
        query = {name: value for name, value in wanted.items() if value} | {"PageSize": str(_PAGE)}
        rows = map(_rented, await self._all(self._numbers.with_query(query), "incoming_phone_numbers"))
        # Twilio looks for a number anywhere within others, and a filter that it passed over would show them all.
        return [
            row for row in rows if (not number or row.number == number) and (not label or row.label == label)
        ]

    async def buy(
        self, number: str, *, label: str, sms_url: str, voice_url: str = "", ended_url: str = ""
    ) -> Rented:
        """Rent a number, and have told what comes to it. Raises NotSent, Paused, Refused or Doubt: after
        Doubt it may be ours, and paid for.
        """
        form = [("PhoneNumber", number), ("FriendlyName", label), *_hooks(sms_url, voice_url, ended_url)]
        said = await self._http.post(self._numbers, form)
        sid = said.get("sid")
        if not (isinstance(sid, str) and _NUMBER.fullmatch(sid)):
            raise Doubt("The carrier did not say whether the number was rented.")
        return Rented(carrier_id=sid, number=number, label=label)

    async def update(self, number_id: str, *, sms_url: str, voice_url: str = "", ended_url: str = "") -> None:
        """Have told what comes to a rented number. Raises NotSent, Paused, Refused or Doubt."""
        await self._http.post(self._number(number_id), _hooks(sms_url, voice_url, ended_url))

    async def release(self, number_id: str) -> None:
        """Give a rented number back, or find it given back. Raises NotSent, Paused, Refused or Doubt."""
        await self._http.delete(self._number(number_id))

    async def apply(self, number_id: str, application: Application) -> Verification:
        """Ask for a toll-free number to be verified. Raises NotSent, Paused, Refused or Doubt."""
        said = await self._http.post(
            URL(self._verifications), verification.first_form(number_id, application)
        )
        return verification.taken(said)

    async def edit(self, carrier_id: str, application: Application) -> Verification:
        """Mend a rejected application. Raises NotSent, Paused, TooLate, Refused or Doubt."""
        said = await self._http.post(self._verification(carrier_id), verification.edit_form(application))
        return verification.taken(said)

    async def verification(self, carrier_id: str) -> Verification | None:
        """Where the carriers stand with one; None if Twilio knows none. Raises Unavailable."""
        row = await self._http.get(self._verification(carrier_id))
        return None if row is None else verification.read(row)

    async def verifications(self, number_id: str) -> list[Verification]:
        """All of one number's, the newest first. Raises Unavailable."""
        query = {"TollfreePhoneNumberSid": number_id, "PageSize": "50"}
        said = await self._http.get(URL(self._verifications).with_query(query))
        rows = (said or {}).get("verifications")
        if not isinstance(rows, list):
            raise Unavailable(_UNREADABLE)
        found = [row for row in rows if isinstance(row, dict)]
        found.sort(key=lambda row: str(row.get("date_created")), reverse=True)
        return [one for one in map(verification.read, found) if one.number_id == number_id]

    async def close(self) -> None:
        """Give back connections."""
        await self._http.close()

    def _number(self, number_id: str) -> URL:
        if not _NUMBER.fullmatch(number_id):
            raise ValueError("A Twilio phone number SID is PN and 32 hexadecimal digits.")
        return URL(f"{self._account}/IncomingPhoneNumbers/{number_id}.json", encoded=True)

    def _call(self, carrier_id: str) -> URL:
        if not voice.CALL.fullmatch(carrier_id):
            raise ValueError("A Twilio call SID is CA and 32 hexadecimal digits.")
        return URL(f"{self._account}/Calls/{carrier_id}.json", encoded=True)

    def _recording(self, recording_id: str) -> str:
        if not voice.RECORDING.fullmatch(recording_id):
            raise ValueError("A Twilio recording SID is RE and 32 hexadecimal digits.")
        return f"{self._account}/Recordings/{recording_id}"

    def _verification(self, carrier_id: str) -> URL:
        if not verification.SID.fullmatch(carrier_id):
            raise ValueError("A Twilio verification SID is HH and 32 hexadecimal digits.")
        return URL(f"{self._verifications}/{carrier_id}")

    async def _all(
        self, first: URL, name: str, enough: Callable[[list[Any]], bool] = lambda page: False
    ) -> list[Any]:
        """The rows of every page of a list, or up to the page that is `enough`. Raises Unavailable."""
        url: URL | None = first
        rows: list[Any] = []
        read: set[URL] = set()
        while url is not None:
            if url in read or len(read) >= _MOST_PAGES:
                raise Unavailable(_UNREADABLE)
            read.add(url)
            page = await self._http.get(url)
            if page is None or not isinstance(page.get(name), list):
                raise Unavailable(_UNREADABLE)
            rows += page[name]
            if enough(page[name]):
                break
            url = self._next(first, page)
        return rows

    def _next(self, first: URL, page: dict[str, Any]) -> URL | None:
        following = page.get("next_page_uri")
        if not following:
            return None
        # It is joined to our own host: an address elsewhere would be given our credentials.
        path = str(first.with_query(None)).removeprefix(self._api)
        if not isinstance(following, str) or not following.startswith(path):
            raise Unavailable(_UNREADABLE)
        return URL(self._api + following, encoded=True)


def _base(url: str) -> str:
    parsed = URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url!r} is not an http or https address.")
    return url.rstrip("/")


def _hooks(sms_url: str, voice_url: str, ended_url: str) -> Form:
    told = [("Sms", sms_url), ("Voice", voice_url)]
    form = [
        field
        for name, url in told
        if url
        for field in ((f"{name}Url", f"{url}#{_INSIST}"), (f"{name}Method", "POST"))
    ]
    if ended_url:
        form += [("StatusCallback", f"{ended_url}#{_INSIST}"), ("StatusCallbackMethod", "POST")]
    return form


def _rented(row: object) -> Rented:
    """A number resource as one of ours. Raises Unavailable."""
    if isinstance(row, dict):
        sid, number = row.get("sid"), row.get("phone_number")
        if isinstance(sid, str) and _NUMBER.fullmatch(sid) and isinstance(number, str):
            return Rented(carrier_id=sid, number=number, label=str(row.get("friendly_name") or ""))
    raise Unavailable(_UNREADABLE)


def _listed(row: object) -> Listed:
    """A message resource as a row. Raises Unavailable if it lacks what proves or disproves something."""
    try:
        if not isinstance(row, dict) or not SID.fullmatch(row["sid"]):
            raise ValueError("not a message")
        created = moment(row["date_created"])
        if created is None:
            raise ValueError("no time of creation")
        sender, recipient, status, direction = (
            str(row[field] or "") for field in ("from", "to", "status", "direction")
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(_UNREADABLE) from error
    code = whole(row.get("error_code"))
    outbound = not direction.startswith("inbound")
    known = receipt_status(status) if outbound else None
    said = clean(str(row.get("error_message") or ""))
    receipt = webhooks.receipt(row["sid"], known, code, said) if known else None
    return Listed(
        carrier_id=row["sid"],
        sender=sender,
        recipient=recipient,
        body=clean(str(row.get("body") or "")),
        status=status,
        direction="outbound" if outbound else "inbound",
        created_at=created,
        code=receipt.code if receipt else None,
        words=receipt.words if receipt else "",
        receipt=receipt,
        segments=whole(row.get("num_segments")),
        media=whole(row.get("num_media")) or 0,
    )
