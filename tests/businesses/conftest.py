from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message

import pytest
from aiosmtpd.controller import Controller

from tests.browser import chromium, visit  # noqa: F401
from tests.waiting import free_ports
from tests.world import World


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


@contextmanager
def letter_box(port: int) -> Iterator[Post]:
    """A real SMTP server at 127.0.0.1."""
    post = Post()
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    yield post
    controller.stop()


@pytest.fixture
def post(settings: object) -> Iterator[Post]:
    """The mail server that Parley is set up to use."""
    (port,) = free_ports(1)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port  # type: ignore[attr-defined]
    settings.EMAIL_USE_TLS = False  # type: ignore[attr-defined]
    with letter_box(port) as post:
        yield post


@pytest.fixture
def web_post(web: World) -> Iterator[Post]:
    """The mail server that `parley web` is set up to use."""
    with letter_box(web.smtp_port) as post:
        yield post
