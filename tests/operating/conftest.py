"""What these tests ask for."""

from tests.browser import chromium, visit  # noqa: F401
from tests.messaging.conftest import line  # noqa: F401
