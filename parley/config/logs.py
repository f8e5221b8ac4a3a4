"""What a log line holds: what happened, and never whom it happened to.

Logs are read by more people, and kept for longer, than the texts themselves. So a line holds kinds, counts and ids;
what slips in from elsewhere is taken out here, last of all, whatever logged it:

    phone numbers                  +15035550142 becomes +1•••••0142
    what follows a ? in an address
    the secret part of the addresses that are keys (an invitation, a new password, a client's page)
    email addresses, down to their domain
    our own secrets, and whatever calls itself Basic or Bearer
    an exception's words           they hold what the failing code was handed: its kind and its lines are enough

At the level `debug` an exception's words stay: for a machine on which nobody real texts.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
import traceback
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import Any

import psycopg

# The attributes that every record has; anything else was given as `extra`.
_ORDINARY = {*logging.makeLogRecord({}).__dict__, "message", "asctime"}
# Too short to be looked for in everything that is logged.
_SHORTEST_SECRET = 8
MACHINE = socket.gethostname()[:40]

_MASKS: list[tuple[re.Pattern[str], str]] = [
    # As carriers write numbers, also inside an address (%2B is +), and as people do.
    (re.compile(r"(\+|%2[Bb])(\d)\d{3,10}(\d{4})(?!\d)"), r"\1\2•••••\3"),
    (re.compile(r"(?<![\w.-])1?[2-9]\d{2}[2-9]\d{2}(\d{4})(?![\w-])"), r"•••••\1"),
    (re.compile(r"\(?\b[2-9]\d{2}\)?[ .\u00a0-][2-9]\d{2}[ .\u00a0-](\d{4})\b"), r"•••••\1"),
    (re.compile(r"(?<=[\w/=])\?[^\s\"'<>]+"), "?…"),
    (re.compile(r"(/join/|/forgot/|/push/|/[pelo]/)[\w%.~:=-]+"), r"\1…"),
    (re.compile(r"[\w.+%-]+@(?=[\w-]+\.\w)"), "•••@"),
    (re.compile(r"\b(Basic|Bearer|Token) [\w+/=.~-]{6,}", re.IGNORECASE), r"\1 …"),
    (re.compile(r"\b(sk|rk|whsec)_\w+"), r"\1_…"),
]


def masked(words: str) -> str:
    """Without what may not be logged."""
    if (secrets := _secrets()) is not None:
        words = secrets.sub("…", words)
    for pattern, instead in _MASKS:
        words = pattern.sub(instead, words)
    return words


@cache
def _secrets() -> re.Pattern[str] | None:
    """This process's own secrets, wherever they turn up."""
    from parley.config.environment import env

    kept = [
        env.secret_key,
        env.smtp_password,
        env.twilio_auth_token,
        env.stripe_key,
        env.stripe_webhook_secret,
        env.metrics_token,
        env.database_url or "",
    ]
    found = sorted({one for one in kept if len(one) >= _SHORTEST_SECRET}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, found))) if found else None


class _Formatter(logging.Formatter):
    def event(self, record: logging.LogRecord) -> str:
        """What happened, on one line."""
        words = record.getMessage()
        if record.name == "asyncio":
            # It shows the exception with its words, and the task with what it was handed.
            words = words.partition("\n")[0]
        return masked(" ".join(words.split()))

    def trouble(self, record: logging.LogRecord) -> list[str]:
        """The exception: its kind, and the lines it went through."""
        if not record.exc_info or record.exc_info is True or record.exc_info[1] is None:
            return []
        return told(record.exc_info[1])


class Text(_Formatter):
    """For people: `ERROR parley.messaging.hooks: webhooks not kept: OperationalError`."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join([f"{record.levelname} {record.name}: {self.event(record)}", *self.trouble(record)])


class Json(_Formatter):
    """For programs: one line a record, with time, level, logger, event, machine, process, fields and exception."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self.event(record),
            "machine": MACHINE,
            "process": record.process,
        }
        fields = {
            name: masked(value) if isinstance(value, str) else value
            for name, value in record.__dict__.items()
            if name not in _ORDINARY and isinstance(value, str | int | float | bool | None)
        }
        if fields:
            line["fields"] = fields
        if trouble := self.trouble(record):
            line["exception"] = trouble
        return json.dumps(line, ensure_ascii=False)


def told(error: BaseException) -> list[str]:
    """An exception and what led to it, outermost first: kinds and lines of code, no values and no words."""
    lines = []
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        lines.append(_kind(at))
        lines += [
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(at.__traceback__, limit=-40)
        ]
        if isinstance(at, BaseExceptionGroup):
            for one in at.exceptions:
                lines += [f"  {line}" for line in told(one)]
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return lines


def _kind(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, psycopg.Error):
        # Names of our own schema: they say which rule was broken, not by what.
        named = (error.sqlstate, error.diag.table_name, error.diag.constraint_name)
        kind = " ".join([kind, *(name for name in named if name)])
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        kind = masked(f"{kind}: {error}")
    return kind


def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """For `sys.excepthook`: what ends a process is logged like all else."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("parley").critical("the process ends", exc_info=(kind, error, trace))
