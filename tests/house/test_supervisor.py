"""The house is started in order, mended whatever dies, and leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg

from tests.house.conftest import TREE, Run, alive
from tests.house.tiny import SLEEP, WEB
from tests.waiting import free_ports, until

Tiny = Callable[..., Run]


def url(folder: Path) -> str:
    return f"postgresql://postgres@/parley?host={folder / 'data' / 'postgres'}"


def test_guests_come_first_then_steps_then_programs(tiny: Tiny) -> None:
    ports = free_ports(1)
    run = tiny(
        ports=ports,
        guests={"guest": f"print('guest here'); {SLEEP}"},
        steps={"first": "print('first step')", "second": "print('second step')"},
        programs={"web": f"print('web here'); {WEB}"},
    )
    run.says("everything answers")
    run.says("guest here")
    said = [line.split("|")[1].strip() for line in run.output.splitlines() if "|" in line]
    # Nobody waits for a guest without a health address: its words come when it is awake.
    assert [words for words in said if words != "guest here"] == ["first step", "second step", "web here"]


def test_ctrl_c_stops_everything_it_started_and_nothing_else(tiny: Tiny, start: Callable[..., Run]) -> None:
    stranger = start("sleep", "60")
    run = tiny(database=True, ports=free_ports(1), programs={"web": WEB, "sleeper": SLEEP})
    run.says("everything answers")
    family = run.family()
    assert len(family) > 4
    run.process.send_signal(signal.SIGINT)
    assert run.ends() == 0
    assert not [process for process in family if alive(process)]
    assert stranger.process.poll() is None


def test_a_killed_supervisor_leaves_no_process(tiny: Tiny) -> None:
    run = tiny(
        database=True, ports=free_ports(1), guests={"guest": SLEEP}, programs={"web": WEB, "sleeper": SLEEP}
    )
    run.says("everything answers")
    family = run.family()
    run.process.kill()
    until(lambda: not [process for process in family if alive(process)], what="the end of every process")


def test_a_killed_program_is_started_again(tiny: Tiny) -> None:
    run = tiny(ports=free_ports(1), programs={"web": WEB, "other": SLEEP})
    run.says("everything answers")
    killed, other = run.child("http.server"), run.child("signal.pause")
    killed.kill()
    run.says("ended (signal SIGKILL)")
    until(lambda: run.child("http.server").pid != killed.pid, what="a new web")
    assert alive(other)


def test_a_program_that_ends_well_is_started_again_too(tiny: Tiny) -> None:
    run = tiny(programs={"brief": "print('hello from', __import__('os').getpid())"})
    run.says("hello from", times=3)
    assert "ended (exit code 0); it starts again in 0.5 s" in run.output
    assert "it starts again in 1 s" in run.output, "each early death doubles the pause"


def test_a_programs_own_children_go_with_it(tiny: Tiny) -> None:
    parent = (
        "import subprocess, time; p = subprocess.Popen(['sleep', '77']); print('sleep is', p.pid); p.wait()"
    )
    run = tiny(programs={"parent": parent})
    run.says("sleep is")
    grandchild = psutil.Process(int(run.output.split("sleep is ")[1].split()[0]))
    run.child("subprocess").kill()
    until(lambda: not alive(grandchild), what="the end of the grandchild")


def test_a_program_that_ignores_sigterm_is_killed_by_a_second_ctrl_c(tiny: Tiny) -> None:
    stubborn = (
        "import signal\nsignal.signal(15, lambda *a: print('no'))\nprint('deaf')\nwhile True: signal.pause()"
    )
    run = tiny(programs={"stubborn": stubborn})
    run.says("deaf")
    run.says("everything answers")
    family = run.family()
    asked = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    run.says("| no")

    def insist() -> bool:
        run.process.send_signal(signal.SIGINT)
        return not [process for process in family if alive(process)]

    until(insist, what="the end")
    assert time.monotonic() - asked > 0.5, "one Ctrl-C, passed on several times, is still one"


def test_a_killed_postmaster_comes_back_with_its_data(tiny: Tiny, folder: Path) -> None:
    run = tiny(database=True, programs={"sleeper": SLEEP})
    run.says("everything answers")
    with psycopg.connect(url(folder)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    run.child("postgres").kill()
    run.says("PostgreSQL has ended; it starts again")

    def answer() -> object:
        try:
            with psycopg.connect(url(folder)) as connection:
                return connection.execute("SELECT answer FROM kept").fetchone()
        except psycopg.OperationalError:
            return None

    assert until(answer, what="the answer") == (42,)


def test_a_second_start_finds_the_data_of_the_first(tiny: Tiny, folder: Path) -> None:
    run = tiny(database=True, programs={})
    run.says("everything answers")
    with psycopg.connect(url(folder)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    run.process.send_signal(signal.SIGTERM)
    assert run.ends() == 0

    run = tiny(database=True, programs={})
    run.says("everything answers")
    with psycopg.connect(url(folder)) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_second_house_on_the_same_data_is_refused(tiny: Tiny, folder: Path) -> None:
    first = tiny(programs={"sleeper": SLEEP})
    first.says("everything answers")
    second = tiny(programs={"sleeper": SLEEP})
    assert second.ends() == 2
    assert second.output == (
        f"parley: Parley runs already on {folder / 'data'}, as process {first.process.pid}. "
        "Stop that one first, or set PARLEY_DATA to another folder.\n"
    )
    assert first.process.poll() is None


def test_a_taken_port_is_named_before_anything_starts(tiny: Tiny, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        (free,), taken = free_ports(1), other.getsockname()[1]
        run = tiny(database=True, ports=[free, taken], programs={"web": WEB})
        assert run.ends() == 2
    assert run.output == (
        f"parley: Port {taken} is taken by another program. "
        "Free it, or set PARLEY_SANDBOX_PORT to another port.\n"
    )
    assert not (folder / "data" / "postgres").exists()


def test_one_port_for_two_is_refused(tiny: Tiny) -> None:
    (port,) = free_ports(1)
    run = tiny(ports=[port, port], programs={"web": WEB})
    assert run.ends() == 2
    assert run.output == f"parley: PARLEY_PORT and PARLEY_SANDBOX_PORT are both {port}.\n"


def test_a_step_that_fails_stops_the_house(tiny: Tiny) -> None:
    run = tiny(
        database=True,
        guests={"guest": SLEEP},
        steps={"migrate": "raise SystemExit('no such column')"},
        programs={"sleeper": f"print('started'); {SLEEP}"},
    )
    assert run.ends() == 1
    assert "migrate | no such column" in run.output
    assert "migrate did not succeed (exit code 1)." in run.output
    assert "started" not in run.output
    assert "starts again" not in run.output, "what is stopped is not mended"


def test_ctrl_c_during_a_step_stops_at_once(tiny: Tiny) -> None:
    run = tiny(steps={"long": f"print('begun'); {SLEEP}"}, programs={})
    run.says("begun")
    family = run.family()
    run.process.send_signal(signal.SIGINT)
    assert run.ends() == 0
    assert not [process for process in family if alive(process)]


def test_a_closed_terminal_does_not_bring_the_house_down(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    asked = json.dumps(
        {
            "data": str(folder / "data"),
            "programs": {"brief": "import time; print('word', flush=True); time.sleep(1)"},
        }
    )
    with os.fdopen(writer) as closed:
        house = subprocess.Popen(
            [sys.executable, "-m", "tests.house.tiny", asked], cwd=TREE, stdout=closed, stderr=closed
        )
    try:
        process = psutil.Process(house.pid)
        first = until(lambda: process.children(), what="the program")[0].pid
        until(lambda: [c for c in process.children() if c.pid != first], what="its second life")
        assert alive(process)
    finally:
        house.terminate()
        house.wait(10)
