from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from parley.messaging.line import Line
from parley.messaging.patience import Patience


@pytest.fixture
async def line(transactional_db: None) -> AsyncIterator[Line]:
    """A loop's own connection to the test database."""
    line = Line("test")
    yield line
    await line.close()


@pytest.fixture
def patience() -> Patience:
    return Patience(1.0)
