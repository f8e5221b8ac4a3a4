"""Locks name no address, pin everything by hash; what is installed is kept until a lock changes."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.house.conftest import TREE

LOCKS = sorted((TREE / "requirements").glob("*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_one_version_with_hashes(lock: Path) -> None:
    requirements = [
        entry.strip()
        for entry in lock.read_text().replace("\\\n", " ").splitlines()
        if entry.strip() and not entry.startswith("#")
    ]
    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", requirement), requirement[:80]


def test_the_locks_of_this_tree_name_no_address() -> None:
    assert subprocess.run([TREE / "scripts" / "check-locks"]).returncode == 0


def test_an_address_in_a_lock_is_found(folder: Path) -> None:
    (folder / "requirements").mkdir()
    (folder / "requirements" / "runtime.txt").write_text("parley @ https://example.com/parley.whl\n")
    found = subprocess.run([TREE / "scripts" / "check-locks", folder], capture_output=True, text=True)
    assert found.returncode == 1
    assert "runtime.txt" in found.stdout or "parley @" in found.stdout


def test_what_development_needs_includes_what_running_needs() -> None:
    def pins(name: str) -> set[str]:
        text = (TREE / "requirements" / f"{name}.txt").read_text()
        return {
            f"{package}=={version}" for package, version in re.findall(r"^(\S+)==(\S+)", text, re.MULTILINE)
        }

    assert pins("runtime") <= pins("dev")
