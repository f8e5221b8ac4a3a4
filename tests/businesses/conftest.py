from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

import pytest
from aiosmtpd.controller import Controller

from tests.browser import chromium, visit  # noqa: F401
from tests.waiting import free_ports


class Post:
    """A mail server's letter box."""

    def __init__(self) -> None:
        self.letters: list[Message] = []

    def words(self) -> str:
        """What the only letter that came since the last look says."""
        (letter,) = self.letters
        self.letters.clear()
        return letter.get_payload(decode=True).decode()  # type: ignore[union-attr]

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.letters.append(message_from_bytes(envelope.content))  # type: ignore[attr-defined]
        return "250 OK"


@pytest.fixture
def post(settings: object) -> Iterator[Post]:
    """A real SMTP server that Parley is set up to use."""
    post = Post()
    (port,) = free_ports(1)
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port  # type: ignore[attr-defined]
    settings.EMAIL_USE_TLS = False  # type: ignore[attr-defined]
    yield post
    controller.stop()
