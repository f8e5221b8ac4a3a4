"""`parley up --demo`, whole: from an empty folder to three addresses that answer, and through its worst days."""

import http.client
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.house.conftest import Run, alive
from tests.waiting import free_ports, until


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def test_the_demo_from_nothing(start: Callable[..., Run], folder: Path) -> None:
    web, sandbox, mailbox, smtp = free_ports(4)
    variables = {
        "PARLEY_DATA": str(folder / "data"),
        "PARLEY_PORT": str(web),
        "PARLEY_SANDBOX_PORT": str(sandbox),
        "PARLEY_MAILBOX_PORT": str(mailbox),
        "PARLEY_SMTP_PORT": str(smtp),
    }
    run = start(sys.executable, "-m", "parley", "up", "--demo", **variables)
    run.says("Parley is ready", 120)
    for port in (web, sandbox, mailbox):
        assert f"http://localhost:{port}\n" in run.output
    assert answers(web, "/healthz")
    assert answers(sandbox, "/")
    assert answers(mailbox, "/")
    names = ["sandbox", "web", "texts", "jobs"]
    assert "starts again" not in run.output

    # A worker is killed, then the database under everybody's feet.
    killed = run.child("parley web")
    killed.kill()
    until(lambda: run.child("parley web").pid != killed.pid and answers(web, "/healthz"), 60, what="web")
    run.child("postgres").kill()
    run.says("PostgreSQL has ended; it starts again")
    until(lambda: answers(web, "/healthz"), 60, what="health after the crash")
    until(lambda: all(run.child(f"parley {name}") for name in names), 60, what="every program")

    family = run.family()
    run.process.send_signal(signal.SIGINT)
    assert run.ends(40) == 0
    assert not [process for process in family if alive(process)]

    # The second start finds everything done; this time the supervisor itself is killed.
    run = start(sys.executable, "-m", "parley", "up", "--demo", **variables)
    run.says("Parley is ready", 60)
    assert not [line for line in run.output.splitlines() if line.startswith("migrate")]
    family = run.family()
    run.process.kill()
    until(lambda: not [process for process in family if alive(process)], 40, what="the end of every process")
