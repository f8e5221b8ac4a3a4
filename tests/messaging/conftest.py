from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from parley.messaging.line import Line
from parley.messaging.patience import Patience


@pytest.fixture
async def line(transactional_db: None) -> AsyncIterator[Line]:
    """A loop's own connection to the test database."""
    line = Line("test")
    yield line
    await line.close()
    # The ORM's connection of asgiref's thread would keep the test database from being dropped.
    await sync_to_async(connections.close_all)()


@pytest.fixture
def patience() -> Patience:
    return Patience(1.0)
