"""Records on this machine's own disk, for as long as the database is away: only files, nothing of what is in them.

    PARLEY_DATA/journal/                        0700
        opt-outs.<time>-<random>.journal        0600
        events.<time>-<random>.journal
        *.damaged                               of which something could not be read: kept for a person

A file is written by one process, which holds its lock (flock) until it has closed it. Whoever gets the lock of a file
may bring its records into the database, and removes it after the commit; so no file is read half-written, and those
of a process that died are there for any other. A file that is there holds something: it is made with its first record.

A record is its length, CRC-32s, and its bytes, sealed (AES-256-GCM) with a key derived from the secret key, which all
machines share already. It counts when `append` has returned, which is after fsync. So only a record that nobody was
told of can be torn.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from zlib import crc32

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"PARLEY-JOURNAL-1"
# How many bytes a record has, their sum, and the sum of these two: a length that lies would hide what follows.
FRAME = struct.Struct(">II")
SUM = struct.Struct(">I")
HEAD = FRAME.size + SUM.size
NONCE = 12
# A file is read at once, so it must fit into memory.
MOST_FILE = 16 * 1024 * 1024


@cache
def _seal(secret: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"parley journal 1").derive(secret.encode()))


class Journal:
    """What one process writes, of one kind. Its methods block, and may be called from any thread."""

    def __init__(self, folder: Path, kind: str, secret: str) -> None:
        self._folder = folder
        self._kind = kind
        self._seal = _seal(secret)
        self._one_at_a_time = threading.Lock()
        self._file: int | None = None
        self._path = folder
        self._size = 0

    def append(self, records: Sequence[bytes]) -> None:
        """Make `records` durable, with one fsync. Raises OSError if they may not be: then none of them counts."""
        written = b"".join(map(self._framed, records))
        with self._one_at_a_time:
            if self._file is None:
                self._open()
            assert self._file is not None
            try:
                _write(self._file, written)
                os.fdatasync(self._file)
            except OSError:
                # What the disk holds now is known to nobody, and a second fsync would not tell (it forgets errors).
                self._give_up()
                raise
            self._size += len(written)
            if self._size > MOST_FILE:
                self._close()

    def close(self) -> None:
        """Let go of the file, for whoever brings it into the database. The next record makes another."""
        with self._one_at_a_time:
            self._close()

    def _framed(self, record: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        sealed = nonce + self._seal.encrypt(nonce, record, MAGIC)
        frame = FRAME.pack(len(sealed), crc32(sealed))
        return frame + SUM.pack(crc32(frame)) + sealed

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{self._kind}.{time.time_ns():020d}-{secrets.token_hex(8)}.journal"
        unfinished = path.with_suffix(".new")
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Locked before it has its name, or somebody could take it for one that is left behind.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(file, MAGIC)
            os.fsync(file)
            os.rename(unfinished, path)
            _fsync_folder(self._folder)
        except OSError:
            os.close(file)
            for name in (unfinished, path):
                with contextlib.suppress(OSError):
                    name.unlink()
            raise
        self._file, self._path, self._size = file, path, 0

    def _give_up(self) -> None:
        if self._size == 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                os.close(file)


@dataclass
class Left:
    """A file that nobody writes any more, kept from all others until `let_go`."""

    path: Path
    lock: int
    records: list[bytes] = field(default_factory=list)
    damaged: bool = False

    def done(self) -> None:
        """All its records are committed. What could not be read stays, under another name. Raises OSError."""
        if self.damaged:
            self.path.rename(self.path.with_suffix(".damaged"))
        else:
            self.path.unlink()

    def let_go(self) -> None:
        os.close(self.lock)


def waiting(folder: Path, kind: str = "") -> int:
    """How many files wait there to be brought into the database; of one kind, or of any."""
    try:
        with os.scandir(folder) as entries:
            return sum(e.name.endswith(".journal") and e.name.startswith(kind) for e in entries)
    except FileNotFoundError:
        return 0


def left_in(folder: Path, kind: str) -> list[Path]:
    """The files of one kind, oldest first."""
    return sorted(folder.glob(f"{kind}.*.journal"))


def take(path: Path, secret: str) -> Left | None:
    """Read a file and keep all others from it; None where another process has it, or has just removed it.

    Raises OSError where the disk does.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file), os.stat(path)):
            left = Left(path, file)
            with open(file, "rb", closefd=False) as whole:
                _read(left, whole.read(), secret)
            return left
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


def _read(left: Left, data: bytes, secret: str) -> None:
    seal = _seal(secret)
    if data[: len(MAGIC)] != MAGIC:
        left.damaged = True
        return
    at = len(MAGIC)
    while at + HEAD <= len(data):
        length, of_record = FRAME.unpack_from(data, at)
        if SUM.unpack_from(data, at + FRAME.size)[0] != crc32(data[at : at + FRAME.size]):
            # Where the next one begins is known to nobody; or the disk has the file's length and not yet its end.
            left.damaged = left.damaged or any(data[at:])
            break
        at += HEAD
        sealed = data[at : at + length]
        if len(sealed) < length:
            break  # torn, and nobody was told of it
        at += length
        if crc32(sealed) != of_record:
            left.damaged = left.damaged or at < len(data)
            continue
        try:
            left.records.append(seal.decrypt(sealed[:NONCE], sealed[NONCE:], MAGIC))
        except InvalidTag:
            left.damaged = True


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
