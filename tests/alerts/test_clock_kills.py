"""Each reminder is one text, whatever dies: the short run of `faults/clock_kills.py`."""

from __future__ import annotations

import pytest

from bench.due import businesses
from faults.clock_kills import storm
from parley.pulse.models import Beat
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_clocks_that_die_lose_and_double_nothing(web: World) -> None:
    web.afresh("sandbox")
    seen = storm(web, businesses(10, 1_000), each=20, seed=11, most=5)
    kills, at_work = seen.pop("kills"), seen.pop("at_work")
    assert seen == {"tried": 200, "lost": 0, "duplicated": 0, "let_in": 0, "misshown": 0}
    # Else nothing died at work, and the test proves nothing.
    assert 5 >= kills >= at_work >= 1
    # And whoever watches sees that it goes round.
    assert Beat.objects.filter(loop="alerts").exists()
