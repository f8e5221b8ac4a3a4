"""Every environment variable that Parley reads, in one place, checked before anything starts.

A wrong value stops Parley at once with `BadEnvironment`, which names the variable, what it held (never for a
secret) and what it may hold.

    from parley.config.environment import env        # read once, when first asked for
    Environment.read({"PARLEY_PORT": "8140"})        # read from any mapping
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

T = TypeVar("T")

# Unless told otherwise, `parley web` is one process a core, but no more: each holds database connections of its own.
MOST_WEB_PROCESSES = 4

LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")
SMTP_SECURITY = ("none", "starttls", "tls")
YES_NO = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


class BadEnvironment(ValueError):
    """An environment variable holds what it may not. `variable` is its name."""

    def __init__(self, variable: str, words: str) -> None:
        super().__init__(f"{variable} {words}")
        self.variable = variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the operator (or, in the demo, the supervisor) has decided. Secrets stay out of `repr`."""

    port: int
    sandbox_port: int
    mailbox_port: int
    bind: str
    data: Path
    database_url: str | None = field(repr=False)
    pg_bin: Path | None
    public_url: str
    secret_key: str = field(repr=False)
    demo: bool
    log_level: str
    log_format: str
    metrics_token: str = field(repr=False)
    web_processes: int
    web_threads: int
    texts_processes: int
    patience: float

    smtp_host: str | None
    smtp_port: int
    smtp_security: str
    smtp_user: str
    smtp_password: str = field(repr=False)
    email_from: str

    twilio_api_url: str
    twilio_account_sid: str
    twilio_auth_token: str = field(repr=False)
    transcriber: str
    stripe_key: str = field(repr=False)
    stripe_webhook_secret: str = field(repr=False)
    stripe_url: str
    sandbox_url: str | None

    @property
    def secret_key_file(self) -> Path:
        """Where the secret key is kept when PARLEY_SECRET_KEY does not give it."""
        return self.data / "secret_key"

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Environment:
        """Read and check all variables. An empty variable counts as unset. Raises BadEnvironment."""
        read = _Reader(variables)
        demo = read.one("PARLEY_DEMO", _yes_no, False)
        port = read.one("PARLEY_PORT", _port, 8000)
        mailbox_port = read.one("PARLEY_MAILBOX_PORT", _port, 8025)
        data = read.one("PARLEY_DATA", _folder, Path("var").absolute())
        return cls(
            port=port,
            sandbox_port=read.one("PARLEY_SANDBOX_PORT", _port, 8001),
            mailbox_port=mailbox_port,
            bind=read.text("PARLEY_BIND", "127.0.0.1"),
            data=data,
            database_url=read.secret("DATABASE_URL", _database_url, None),
            pg_bin=read.one("PARLEY_PG_BIN", _folder_of_postgres, None),
            public_url=read.one("PARLEY_PUBLIC_URL", _origin, f"http://localhost:{port}"),
            secret_key=read.secret("PARLEY_SECRET_KEY", _secret_key, "") or _kept_secret_key(data),
            demo=demo,
            log_level=read.one("PARLEY_LOG_LEVEL", _one_of(LOG_LEVELS), "info"),
            log_format=read.one("PARLEY_LOG_FORMAT", _one_of(LOG_FORMATS), "text"),
            metrics_token=read.secret("PARLEY_METRICS_TOKEN", _token, ""),
            web_processes=read.one(
                "PARLEY_WEB_PROCESSES", _between(1, 64), min(len(os.sched_getaffinity(0)), MOST_WEB_PROCESSES)
            ),
            web_threads=read.one("PARLEY_WEB_THREADS", _between(1, 64), 4),
            texts_processes=read.one("PARLEY_TEXTS_PROCESSES", _between(1, 16), 1),
            patience=read.one("PARLEY_PATIENCE", _factor, 1.0),
            smtp_host=read.text("PARLEY_SMTP_HOST", "127.0.0.1" if demo else None),
            smtp_port=read.one("PARLEY_SMTP_PORT", _port, mailbox_port + 1 if demo else 587),
            smtp_security=read.one(
                "PARLEY_SMTP_SECURITY", _one_of(SMTP_SECURITY), "none" if demo else "starttls"
            ),
            smtp_user=read.text("PARLEY_SMTP_USER", ""),
            smtp_password=read.text("PARLEY_SMTP_PASSWORD", ""),
            email_from=read.text("PARLEY_EMAIL_FROM", "Parley <parley@localhost>"),
            twilio_api_url=read.one("PARLEY_TWILIO_API_URL", _origin, "https://api.twilio.com"),
            twilio_account_sid=read.text("PARLEY_TWILIO_ACCOUNT_SID", ""),
            twilio_auth_token=read.text("PARLEY_TWILIO_AUTH_TOKEN", ""),
            transcriber=read.text("PARLEY_TRANSCRIBER", "carrier" if demo else ""),
            **_stripe(read),
            sandbox_url=read.one("PARLEY_SANDBOX_URL", _origin, None),
        )


class _Reader:
    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def one(self, name: str, parse: Callable[[str], T], default: T) -> T:
        value = self._variables.get(name, "").strip()
        if not value:
            return default
        try:
            return parse(value)
        except ValueError as wrong:
            raise BadEnvironment(name, f"is {value!r}, but {wrong}") from None

    def secret(self, name: str, parse: Callable[[str], T], default: T) -> T:
        value = self._variables.get(name, "").strip()
        if not value:
            return default
        try:
            return parse(value)
        except ValueError as wrong:
            raise BadEnvironment(name, f"does not fit: {wrong}") from None

    def text(self, name: str, default: T) -> str | T:
        return self._variables.get(name, "").strip() or default


def _stripe(read: _Reader) -> Mapping[str, str]:
    key = read.secret("PARLEY_STRIPE_KEY", _after("sk_", "rk_"), "")
    secret = read.secret("PARLEY_STRIPE_WEBHOOK_SECRET", _after("whsec_"), "")
    # With one of the two, money would be taken and no texts given for it.
    for name, value in (("PARLEY_STRIPE_KEY", key), ("PARLEY_STRIPE_WEBHOOK_SECRET", secret)):
        if not value and (key or secret):
            raise BadEnvironment(name, "is missing: payments need the key and the webhook secret")
    url = read.one("PARLEY_STRIPE_URL", _origin, "https://api.stripe.com")
    return {"stripe_key": key, "stripe_webhook_secret": secret, "stripe_url": url}


def _yes_no(value: str) -> bool:
    if value.lower() not in YES_NO:
        raise ValueError("must be 1 or 0")
    return YES_NO[value.lower()]


def _factor(value: str) -> float:
    try:
        factor = float(value)
    except ValueError:
        factor = 0.0
    if not 0.001 <= factor <= 10:
        raise ValueError("must be a number from 0.001 to 10")
    return factor


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return parse


_port = _between(1, 65535)


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value.lower()

    return parse


def _after(*beginnings: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not value.startswith(beginnings):
            raise ValueError(f"must start with {' or '.join(beginnings)}")
        return value

    return parse


def _folder(value: str) -> Path:
    path = Path(value).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise ValueError("that is not a folder")
    return path


def _folder_of_postgres(value: str) -> Path:
    path = Path(value).expanduser().absolute()
    if not (path / "postgres").is_file():
        raise ValueError("there is no `postgres` program in that folder")
    return path


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a web address such as https://texts.example.com")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError("must be only scheme, host and port, such as https://texts.example.com")
    return value.rstrip("/")


def _database_url(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    try:
        names = conninfo_to_dict(value)
    except ProgrammingError:
        raise ValueError("PostgreSQL cannot read it; see its manual, 'Connection URIs'") from None
    if not names.get("dbname"):
        raise ValueError("must name a database, such as postgresql://user@host/parley")
    return value


def _secret_key(value: str) -> str:
    if len(value) < 32:
        raise ValueError("a secret key has at least 32 characters")
    return value


def _token(value: str) -> str:
    if len(value) < 16 or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("a token has at least 16 characters, without spaces")
    return value


def _kept_secret_key(data: Path) -> str:
    try:
        return (data / "secret_key").read_text().strip()
    except OSError:
        return ""


@cache
def _from_process() -> Environment:
    return Environment.read(os.environ)


if TYPE_CHECKING:
    env: Environment
else:
    # Not read at import: the command learns where the embedded PostgreSQL listens after it has imported
    # this module, and only then are Django's settings loaded.
    def __getattr__(name: str) -> Environment:
        if name == "env":
            return _from_process()
        raise AttributeError(name)
