"""Ports that tests are given: free, and nobody else's."""

import socket
import subprocess
import sys

from tests.house.conftest import TREE
from tests.waiting import BLOCK, LAST_PORT, free_ports

ASK = "import sys; from tests.waiting import free_ports; print(*free_ports(3), flush=True); sys.stdin.read()"


def test_no_other_test_run_is_given_them_nor_does_the_system_give_them_away() -> None:
    others = [
        subprocess.Popen(
            [sys.executable, "-c", ASK], cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    given = free_ports(3)
    for other in others:
        assert other.stdout
        given += map(int, other.stdout.readline().split())
    for other in others:
        other.communicate()
    assert len(set(given)) == 9
    assert max(given) <= LAST_PORT


def test_one_that_is_listened_to_is_passed_over_and_none_comes_again_soon() -> None:
    last = next(port for port in iter(lambda: free_ports(1)[0], 0) if (port + 1) % BLOCK)
    with socket.create_server(("127.0.0.1", last + 1)):
        given = free_ports(20)
    assert last + 1 not in given
    assert len({last, *given}) == 21
