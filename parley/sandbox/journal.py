"""What the sandbox remembers over a restart: one file of JSON lines, appended to, read back at start.

A line is handed to the system before the answer leaves, so a killed process forgets nothing it accepted; it
is not fsynced, because the pretend world need not outlive the machine.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode

Record = dict[str, Any]


class Busy(Exception):
    """Another sandbox is writing to this folder."""


class Unreadable(Exception):
    """The file is damaged, or of another version."""


class Journal:
    """Records are dicts; their kind is under "k"."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises Busy."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "journal.jsonl"
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise Busy(f"another sandbox is using {folder}") from None
        self._file = self._open()
        self.lines = 0

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def replay(self, recall: Callable[[Record], None]) -> None:
        """Every record, oldest first. A last line that a kill cut short is cut off. Raises Unreadable."""
        good = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                good += len(line)
                self.lines += 1
                try:
                    recall(_decode(line.decode())[0])
                except (ValueError, TypeError, KeyError) as error:
                    raise Unreadable(
                        f"line {self.lines} of {self._path} cannot be read; without that file the sandbox starts afresh"
                    ) from error
        os.truncate(self._path, good)

    def append(self, kind: str, record: Record) -> None:
        """Write one record down."""
        self.lines += 1
        os.write(self._file, (_encode({"k": kind, **record}) + "\n").encode("utf-8", "replace"))

    def rewrite(self, records: Iterable[tuple[str, Record]]) -> None:
        """Replace everything by `records`. A kill at any moment leaves either the old file or the new one."""
        half = self._path.with_suffix(".new")
        lines = 0
        with half.open("w", encoding="utf-8", errors="replace") as file:
            for kind, record in records:
                file.write(_encode({"k": kind, **record}) + "\n")
                lines += 1
        os.chmod(half, 0o600)
        os.replace(half, self._path)
        os.close(self._file)
        self._file = self._open()
        self.lines = lines

    def close(self) -> None:
        """Let another sandbox use the folder."""
        os.close(self._file)
        os.close(self._lock)
