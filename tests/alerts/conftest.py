from tests.browser import chromium, visit  # noqa: F401
from tests.inbox.conftest import nora, sign_in  # noqa: F401
