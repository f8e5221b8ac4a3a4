from tests.browser import chromium, visit  # noqa: F401
