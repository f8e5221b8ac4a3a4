"""What the environment may say about the sandbox."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Port 0 lets the system choose. `url` is how Parley reaches the sandbox (media links are made of it).

    `payment_events` is where payments are told of.
    """

    bind: str
    port: int
    mailbox_port: int
    smtp_port: int
    data: Path
    url: str | None
    payment_events: str | None


def from_environment() -> Settings:
    """Raises ValueError, in words, if a port is not one."""
    mailbox_port = _port("PARLEY_MAILBOX_PORT", 8025)
    public = (os.environ.get("PARLEY_PUBLIC_URL") or "").rstrip("/")
    return Settings(
        bind=os.environ.get("PARLEY_BIND") or "127.0.0.1",
        port=_port("PARLEY_SANDBOX_PORT", 8001),
        mailbox_port=mailbox_port,
        smtp_port=_port("PARLEY_SMTP_PORT", mailbox_port + 1 if mailbox_port else 0),
        data=Path(os.environ.get("PARLEY_DATA") or "./var") / "sandbox",
        url=(os.environ.get("PARLEY_SANDBOX_URL") or "").rstrip("/") or None,
        payment_events=f"{public}/payments/stripe" if public else None,
    )


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise ValueError(f"{name} must be a port between 0 and 65535, not {text!r}")
    return int(text)
