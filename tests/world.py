"""Parley's own processes and the sandbox, started for tests on the test database: nothing is pretended but the network.

Ports are free ones; every wait of the two roads is shortened by PARLEY_PATIENCE.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.db import connections

from tests.nursery import KINDS, Child, Nursery
from tests.waiting import free_ports, until

ROOT = Path(__file__).resolve().parent.parent

# What Playwright 1.65 turns off: of two such lists Chromium obeys the last, so that ours must say it again.
PLAYWRIGHTS = [
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "TcpPortRandomizationWin",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
    "msForceBrowserSignIn",
    "msEdgeUpdateLaunchServicesPreferredVersion",
]
# Each window loaded two pages for the list below its address bar, and a process for a page that never comes: half of
# what a test's window cost (1.3 s of a core; now 0.6).
UNSEEN = [
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "SpareRendererForSitePerProcess",
]
# What a headless Chromium needs on a machine without a screen, a sandbox or a network.
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join([*PLAYWRIGHTS, *UNSEEN])}",
]


def database_url() -> str:
    """The database this test run uses, as another process must be told it."""
    settings = connections["default"].settings_dict
    query = "&".join(
        f"{name}={settings[key]}" for key, name in (("HOST", "host"), ("PORT", "port")) if settings[key]
    )
    password = f":{settings['PASSWORD']}" if settings["PASSWORD"] else ""
    return f"postgresql://{settings['USER']}{password}@/{settings['NAME']}?{query}"


class World:
    """`start` what a test needs; all of it is stopped by `close`."""

    def __init__(self, folder: Path, patience: float = 0.05, *, forks: bool = False) -> None:
        """`forks`: what is started often is forked from a process that has loaded Parley (tests/nursery.py)."""
        self.folder = folder
        self.forks = forks
        self.nurseries: list[Nursery] = []
        # Where the code of what is started is.
        self.tree = ROOT
        self.port, self.sandbox_port, self.mailbox_port, self.smtp_port = free_ports(4)
        self.url = f"http://localhost:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.mailbox_url = f"http://127.0.0.1:{self.mailbox_port}"
        self.children: dict[str, subprocess.Popen[bytes] | Child] = {}
        from parley.sandbox import account

        self.account_sid, self.auth_token = account.ACCOUNT_SID, account.AUTH_TOKEN
        self.environment = os.environ | {
            "DATABASE_URL": database_url(),
            "PARLEY_DATA": str(folder),
            "PARLEY_PORT": str(self.port),
            "PARLEY_SANDBOX_PORT": str(self.sandbox_port),
            "PARLEY_MAILBOX_PORT": str(self.mailbox_port),
            "PARLEY_SMTP_PORT": str(self.smtp_port),
            "PARLEY_SMTP_HOST": "127.0.0.1",
            "PARLEY_SMTP_SECURITY": "none",
            "PARLEY_PUBLIC_URL": self.url,
            "PARLEY_SANDBOX_URL": self.sandbox_url,
            "PARLEY_TWILIO_API_URL": self.sandbox_url,
            "PARLEY_TWILIO_ACCOUNT_SID": account.ACCOUNT_SID,
            "PARLEY_TWILIO_AUTH_TOKEN": account.AUTH_TOKEN,
            "PARLEY_STRIPE_URL": self.sandbox_url,
            "PARLEY_STRIPE_KEY": account.PAYMENT_KEY,
            "PARLEY_STRIPE_WEBHOOK_SECRET": account.WEBHOOK_SECRET,
            "PARLEY_SECRET_KEY": os.environ["PARLEY_SECRET_KEY"],
            "PARLEY_PATIENCE": str(patience),
            "PARLEY_WEB_PROCESSES": os.environ.get("PARLEY_WEB_PROCESSES", "1"),
            "PARLEY_DEMO": "1",
        }

    def start(self, *names: str) -> None:
        """Start children by their `parley` names and wait until they answer. "texts#2" is another `parley texts`."""
        for name in names:
            if self.forks and name.partition("#")[0] in KINDS:
                self.children[name] = self._nursery().start(name.partition("#")[0], self._log(name))
            else:
                self.launch(name)
        for name, url in (("web", f"{self.url}/healthz"), ("sandbox", f"{self.sandbox_url}/sandbox/health")):
            if name in names:
                until(lambda: self._up(name, url), 60, what=name)  # noqa: B023  asked at once

    def launch(self, name: str, *before: str, **variables: str) -> int:
        """Start a child without waiting until it answers, after the words `before` on its command line.

        Returns its process id.
        """
        with self._log(name).open("ab") as log:
            self.children[name] = subprocess.Popen(
                [*before, sys.executable, "-m", "parley", name.partition("#")[0]],
                cwd=self.tree,
                env=self.environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.children[name].pid

    def _nursery(self) -> Nursery:
        for known in self.nurseries:
            if known.environment == self.environment:
                return known
        self.nurseries.append(Nursery(self.environment, self._log("nursery")))
        return self.nurseries[-1]

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def afresh(self, *names: str, patience: float = 0.05) -> None:
        """Start these for another test: the sandbox knows nothing of the last, and no job waits."""
        shutil.rmtree(self.folder / "sandbox", ignore_errors=True)
        self.environment["PARLEY_PATIENCE"] = str(patience)
        forget_jobs()
        self.start(*names)

    def kill(self, name: str) -> None:
        """SIGKILL: what no process can prepare for."""
        child = self.children.pop(name)
        child.send_signal(signal.SIGKILL)
        child.wait(10)

    def running(self, name: str) -> bool:
        return name in self.children and self.children[name].poll() is None

    def stop(self, name: str) -> None:
        child = self.children.pop(name)
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(10)

    def stop_all_but(self, *names: str) -> None:
        """What a test started beside these."""
        for name in list(self.children)[::-1]:
            if name not in names:
                self.stop(name)

    def close(self) -> None:
        self.stop_all_but()
        while self.nurseries:
            self.nurseries.pop().close()

    def _up(self, name: str, url: str) -> bool:
        assert self.running(name), f"{name} ended: {self._log(name).read_text()[-2000:]}"
        return self.answers(url)

    def answers(self, url: str) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        """Speak to the sandbox's own address; returns what its JSON says. Raises AssertionError with its words."""
        request = urllib.request.Request(
            f"{self.sandbox_url}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:300]!r}") from None
        return json.loads(text) if text.strip() else None

    def weather(self, **settings: Any) -> None:
        self.sandbox("PUT", "/sandbox/weather", settings)

    def texts_from(self, handset: str, to: str, body: str, media: Sequence[Any] = ()) -> Any:
        """A client writes on their handset. `media`: "sample", or {content_type, base64}."""
        said = {"to": to, "body": body, "media": list(media)}
        return self.sandbox("POST", f"/sandbox/handsets/{handset}/texts", said)

    def truth(self, **query: str) -> list[dict[str, Any]]:
        """What the carrier really accepted and delivered."""
        text = "&".join(f"{name}={value}" for name, value in query.items())
        answer = self.sandbox("GET", f"/sandbox/truth?{text}")
        rows = answer["messages"] if isinstance(answer, dict) else answer
        return list(rows)

    def add_number(self, number: str, **more: Any) -> None:
        self.sandbox(
            "PUT",
            "/sandbox/world",
            {
                "numbers": [
                    {
                        "phone_number": number,
                        "country": "US",
                        "sms_url": f"{self.url}/hooks/twilio/text",
                        "verified": True,
                        "pace": 0,
                    }
                    | more
                ],
                "handsets": [],
                "history": [],
            },
        )


def forget_jobs() -> None:
    """What a test has set up before its workers begin is not for them to do."""
    with connections["default"].cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")


@contextlib.contextmanager
def a_world(folder: Path, *names: str, patience: float = 0.05) -> Iterator[World]:
    world = World(folder, patience)
    if "jobs" in names:
        forget_jobs()
    try:
        world.start(*names)
        yield world
    finally:
        world.close()
