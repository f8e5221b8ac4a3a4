"""Houses to start, look at and bring down. Whatever a test leaves running is ended with it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.waiting import until

TREE = Path(__file__).resolve().parents[2]


class Run:
    """A running command with all its descendants; its output goes to a file, so no pipe can hang a test."""

    def __init__(self, command: list[str], folder: Path, variables: dict[str, str]) -> None:
        self.log = folder / "output"
        self._seen: dict[int, psutil.Process] = {}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=variables,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def says(self, words: str, seconds: float = 20.0, *, times: int = 1) -> None:
        """Wait until `words` were printed `times` times."""

        def said() -> bool:
            assert self.process.poll() is None or self.output.count(words) >= times, self.output
            return self.output.count(words) >= times

        try:
            until(said, seconds, what=repr(words))
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{self.output}") from None

    def family(self) -> list[psutil.Process]:
        """The command and every descendant that it has now; remembered for the clean-up."""
        try:
            found = [psutil.Process(self.process.pid)]
            found += found[0].children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self._seen |= {process.pid: process for process in found}
        return found

    def child(self, word: str) -> psutil.Process:
        """The one direct child with `word` on its command line."""

        def look() -> list[psutil.Process]:
            return [
                process
                for process in psutil.Process(self.process.pid).children()
                if alive(process) and word in words(process)
            ]

        return until(look, what=f"a child with {word!r}")[0]

    def ends(self, seconds: float = 20.0) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(seconds)

    def clean_up(self) -> None:
        self.family()
        for process in self._seen.values():
            if alive(process):
                process.kill()
        self.process.wait(10)


def alive(process: psutil.Process) -> bool:
    """A zombie is dead: it only waits for a parent that may not care (process 1 of some containers)."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def words(process: psutil.Process) -> str:
    """Its command line; none if it has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextmanager
def a_folder() -> Iterator[Path]:
    """An empty folder that every account can reach: PostgreSQL runs as another when the tests run as root."""
    made = Path(tempfile.mkdtemp(prefix="parley-test-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One of these for a test."""
    with a_folder() as made:
        yield made


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Run]]:
    """Start a command in an empty folder, without the variables of the tests themselves."""
    runs: list[Run] = []

    def run(*command: str, **variables: str) -> Run:
        clean = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith("PARLEY_")}
        place = folder / f"run-{len(runs)}"
        place.mkdir()
        runs.append(Run([*command], place, clean | {"PYTHONPATH": str(TREE)} | variables))
        return runs[-1]

    yield run
    for one in runs:
        one.clean_up()


@pytest.fixture
def tiny(start: Callable[..., Run], folder: Path) -> Callable[..., Run]:
    """Start a house of tiny programs (tests/house/tiny.py) on one data folder."""

    def run(**asked: object) -> Run:
        return start(
            sys.executable, "-m", "tests.house.tiny", json.dumps({"data": str(folder / "data"), **asked})
        )

    return run
