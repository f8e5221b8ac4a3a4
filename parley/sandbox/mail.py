"""A mail server that keeps everything and delivers nothing, for looking at what Parley would have sent."""

from __future__ import annotations

import asyncio
import email.policy
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from itertools import count
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from parley.sandbox.changes import Changes
from parley.sandbox.journal import Journal, Record
from parley.sandbox.page import add_files, events
from parley.sandbox.web import BadRequest, Headers, Request, Response, Routes, answer

# What one mail may have, and all together; the oldest make room.
MAIL_BYTES = 10 * 1024 * 1024
ALL_BYTES = 64 * 1024 * 1024
ALL_MAILS = 1000
LISTED = 200

# A mail's HTML is a stranger's page: no script, no request, no place of its own.
_HTML_HEADERS: Headers = (
    (
        b"content-security-policy",
        b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


@dataclass(slots=True)
class Mail:
    """One mail as it came: the envelope, and the bytes."""

    id: int
    at: float
    sender: str
    recipients: list[str]
    content: bytes
    message: EmailMessage = field(init=False)

    def __post_init__(self) -> None:
        self.message = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(self.content)

    def as_record(self) -> Record:
        """For the journal. Latin-1 takes any byte, one for one."""
        return {
            "id": self.id,
            "at": self.at,
            "sender": self.sender,
            "recipients": self.recipients,
            "content": self.content.decode("latin-1"),
        }

    def part(self, kind: str) -> str | None:
        """The text of its "plain" or "html" part."""
        body = self.message.get_body((kind,))
        if body is None:
            return None
        try:
            return str(body.get_content())
        except (LookupError, ValueError):
            # An unknown charset, or bytes that are not of it.
            return (body.get_payload(decode=True) or b"").decode("utf-8", "replace")  # type: ignore[union-attr]

    def summary(self) -> dict[str, Any]:
        """For the list."""
        return {
            "id": self.id,
            "at": self.at,
            "from": str(self.message["From"] or self.sender),
            "to": str(self.message["To"] or ", ".join(self.recipients)),
            "recipients": self.recipients,
            "subject": str(self.message["Subject"] or ""),
            "text": self.part("plain"),
            "has_html": self.message.get_body(("html",)) is not None,
        }

    def whole(self) -> dict[str, Any]:
        """For the page of one mail."""
        return {
            **self.summary(),
            "headers": [[name, str(value)] for name, value in self.message.items()],
            "attachments": [
                {"name": part.get_filename() or "", "content_type": part.get_content_type()}
                for part in self.message.iter_attachments()
            ],
        }


class Mailbox:
    """All mails, the latest first; and the handlers of the mailbox's page."""

    def __init__(self, folder: Path, changes: Changes) -> None:
        """Raises journal.Busy and journal.Unreadable."""
        self._journal = Journal(folder)
        self._changes = changes
        self._mails: dict[int, Mail] = {}
        self._bytes = 0
        self._journal.replay(self._recall)
        self._ids = count(max(self._mails, default=0) + 1)
        if self._journal.lines > ALL_MAILS // 2 + len(self._mails):
            self._journal.rewrite(self._records())

    def deliver(self, sender: str, recipients: list[str], content: bytes) -> None:
        """A mail arrived."""
        mail = Mail(next(self._ids), time.time(), sender, recipients, content)
        self._keep(mail)
        self._journal.append("mail", mail.as_record())
        if self._journal.lines > 2 * ALL_MAILS:
            self._journal.rewrite(self._records())
        self._changes.tell("mails")

    def close(self) -> None:
        """After the last mail."""
        self._journal.close()

    def _recall(self, record: Record) -> None:
        del record["k"]
        self._keep(Mail(**{**record, "content": record["content"].encode("latin-1")}))

    def _keep(self, mail: Mail) -> None:
        self._mails[mail.id] = mail
        self._bytes += len(mail.content)
        while len(self._mails) > ALL_MAILS or (self._bytes > ALL_BYTES and len(self._mails) > 1):
            oldest = self._mails.pop(next(iter(self._mails)))
            self._bytes -= len(oldest.content)

    def _drop_all(self) -> None:
        self._mails.clear()
        self._bytes = 0

    def _records(self) -> Iterator[tuple[str, Record]]:
        for mail in self._mails.values():
            yield "mail", mail.as_record()

    # The page

    def routes(self) -> Routes:
        """Everything on the mailbox's port."""
        routes = Routes()
        add_files(routes, "mailbox.html")
        routes.add("/api/mails", GET=self.list_mails, DELETE=self.empty)
        routes.add("/api/mails/{id}", GET=self.read)
        routes.add("/api/mails/{id}/html", GET=self.read_html)
        routes.add("/api/events", GET=events(self._changes))
        return routes

    def list_mails(self, request: Request) -> Response:
        """GET /api/mails?to={part of an address}: the latest LISTED, with their text."""
        wanted = request.query.get("to", "").lower()
        found = []
        for mail in reversed(self._mails.values()):
            if not wanted or any(wanted in recipient.lower() for recipient in mail.recipients):
                found.append(mail.summary())
                if len(found) == LISTED:
                    break
        return answer({"mails": found, "total": len(self._mails)})

    def empty(self, request: Request) -> Response:
        """DELETE /api/mails"""
        forgotten = len(self._mails)
        self._drop_all()
        self._journal.rewrite(())
        self._changes.tell("mails")
        return answer({"forgotten": forgotten})

    def read(self, request: Request, id: str) -> Response:
        """GET /api/mails/{id}"""
        mail = self._found(id)
        return answer(mail.whole()) if mail else answer({"error": "no such mail"}, 404)

    def read_html(self, request: Request, id: str) -> Response:
        """GET /api/mails/{id}/html: only for the frame."""
        mail = self._found(id)
        html = mail.part("html") if mail else None
        if html is None:
            return answer({"error": "no such mail, or it has no HTML"}, 404)
        return Response(200, html.encode("utf-8", "replace"), b"text/html; charset=utf-8", _HTML_HEADERS)

    def _found(self, id: str) -> Mail | None:
        if not (id.isascii() and id.isdecimal() and len(id) < 10):
            raise BadRequest("a mail's id is a number")
        return self._mails.get(int(id))


class _Handler:
    """aiosmtpd calls it; the names are aiosmtpd's."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        self._mailbox.deliver(
            envelope.mail_from or "",
            [str(recipient) for recipient in envelope.rcpt_tos],
            content if isinstance(content, bytes) else content.encode("utf-8", "replace"),
        )
        return "250 Kept; nobody will get it"


def smtp_protocol(mailbox: Mailbox) -> asyncio.Protocol:
    """One SMTP connection."""
    protocol: asyncio.Protocol = SMTP(
        _Handler(mailbox), data_size_limit=MAIL_BYTES, enable_SMTPUTF8=True, ident="Parley sandbox"
    )
    return protocol
