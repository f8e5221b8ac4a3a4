"""A pretend carrier that sells numbers and judges registrations, and workers that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections

from parley.businesses.models import Business
from parley.numbers.models import Registration
from parley.numbers.provisioning import Waits, advance, label_of
from tests.people import House
from tests.waiting import until
from tests.world import ROOT, World

# What a business that carriers have nothing against would write.
ANSWERS: dict[str, Any] = {
    "legal_name": "Juniper Hair Studio LLC",
    "business_type": "llc",
    "registration_number": "84-3190000",
    "website": "https://juniperhair.example",
    "street": "1418 SE Alder Street",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97214",
    "contact_first_name": "Nora",
    "contact_last_name": "Kim",
    "contact_role": "Owner",
    "contact_email": "nora@juniperhair.example",
    "contact_phone": "(503) 555-0190",
    "uses": ["appointments", "conversations"],
    "volume": 1000,
    "sample": "Hi Maya, you’re booked on Thu at 2:30 PM. Reply STOP to stop texts. Juniper Hair Studio",
    "opt_in": "web_form",
    "agreed": True,
}


def filled(business: Business, **changes: Any) -> Registration:
    return Registration(business=business, **(ANSWERS | changes))


class Desk:
    """The pretend carrier, and what it really holds."""

    def __init__(self, world: World) -> None:
        self.world = world

    def numbers(self, registration: Registration) -> list[dict[str, Any]]:
        """All that were bought for it."""
        rows = self.world.sandbox("GET", "/sandbox/world")["numbers"]
        return [row for row in rows if row["friendly_name"] == label_of(registration)]

    def requests(self, registration: Registration) -> list[dict[str, Any]]:
        """All that the carriers were asked for it, the newest first."""
        rows = self.world.sandbox("GET", "/sandbox/verifications")["verifications"]
        mine = [r for r in rows if r["asked"]["external_reference_id"].startswith(str(registration.pk))]
        return sorted(mine, key=lambda row: -row["created"])

    def approve(self, registration: Registration) -> None:
        self._judge(registration, "approve", {})

    def reject(self, registration: Registration, reason: str = "name", **more: Any) -> None:
        self._judge(registration, "reject", {"reason": reason} | more)

    def _judge(self, registration: Registration, verdict: str, wishes: dict[str, Any]) -> None:
        sid = self.requests(registration)[0]["sid"]
        self.world.sandbox("POST", f"/sandbox/verifications/{sid}/{verdict}", wishes)

    def weather(self, **settings: Any) -> None:
        self.world.weather(**settings)

    def fine(self) -> None:
        self.world.sandbox("DELETE", "/sandbox/weather")


@pytest.fixture(scope="session")
def _pretend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("carrier"))
    world.start("sandbox")
    yield world
    world.close()


@pytest.fixture
def desk(_pretend: World, settings: Any) -> Desk:
    """One pretend carrier for all tests; each sees its own registrations there. No wait is long."""
    settings.TWILIO = {
        "account_sid": _pretend.account_sid,
        "auth_token": _pretend.auth_token,
        **dict.fromkeys(("api_url", "messaging_url", "lookups_url"), _pretend.sandbox_url),
    }
    settings.PATIENCE = 0
    settings.CALL_TIMEOUT = 5.0
    desk = Desk(_pretend)
    desk.fine()
    return desk


@pytest.fixture
def draft(juniper: House) -> Registration:
    """Juniper's registration, ready to be sent."""
    registration = filled(juniper.business)
    registration.save()
    return registration


def drive(registration: Registration, times: int = 8) -> Registration:
    """The job, as often as it comes back; the row as it is then."""
    for _ in range(times):
        try:
            advance(registration.pk, registration.business_id)
        except Waits:
            continue
        break
    else:
        raise AssertionError(f"it waits for ever: {Registration.objects.get(pk=registration.pk).trouble}")
    return Registration.objects.select_related("business", "number").get(pk=registration.pk)


class Workers:
    """Processes that do one thing each and can be killed. They are forked from one that has Django set up."""

    def __init__(self, world: World) -> None:
        self.pids: list[int] = []
        self._mother = subprocess.Popen(
            [sys.executable, "-m", "tests.numbers.mother"],
            cwd=ROOT,
            env=World(world.folder).environment
            | {"DJANGO_SETTINGS_MODULE": "parley.config.settings", "PARLEY_PATIENCE": "0.3"}
            | {"PARLEY_TWILIO_API_URL": world.sandbox_url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, function: str, *ids: Any) -> int:
        """Run a function of `provisioning` in a process of its own; its pid."""
        assert self._mother.stdin
        assert self._mother.stdout
        self._mother.stdin.write(json.dumps([function, *map(str, ids)]) + "\n")
        self._mother.stdin.flush()
        self.pids.append(int(self._mother.stdout.readline()))
        return self.pids[-1]

    def kill(self, pid: int) -> None:
        """SIGKILL: what no process can prepare for."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not self.lives(pid), what="the worker's death")
        # A backend that waits for a lock does not notice, and would still write what it was asked to.
        self._count("pid <> pg_backend_pid()", "pg_terminate_backend(pid)")
        until(lambda: not self._count("pid <> pg_backend_pid()"), what="the end of its connection")

    def lives(self, pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def waiting(self) -> int:
        """How many wait for a lock."""
        return self._count("wait_event_type = 'Lock'")

    def _count(self, which: str, what: str = "pid") -> int:
        """How many connections to this database are so; `what` is done with each."""
        with connections["default"].cursor() as cursor:
            cursor.execute(
                f"SELECT pg_stat_clear_snapshot(), count({what}) FROM pg_stat_activity "
                f"WHERE datname = current_database() AND backend_type = 'client backend' AND {which}"
            )
            return int(cursor.fetchone()[1])

    def close(self) -> None:
        for pid in filter(self.lives, self.pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._mother.kill()
        self._mother.wait()


@pytest.fixture(scope="session")
def _workers(_pretend: World, django_db_setup: None) -> Iterator[Workers]:
    workers = Workers(_pretend)
    yield workers
    workers.close()


@pytest.fixture
def workers(transactional_db: None, _workers: Workers) -> Workers:
    assert connection.settings_dict["NAME"].startswith("test_")
    return _workers
