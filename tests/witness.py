"""Independent witnesses: the carriers' own specification files, and Prism, which holds talk to them.

A test that needs one is marked `@pytest.mark.witness` and is left out, saying why, where the files or node
are absent; in CI (`CI=true`) it fails instead, so that nobody mistakes a run without witnesses for a proof.

    with prism("mock", "twilio_messages.json") as base: ...  # plays the carrier
    with prism("proxy", "twilio_messages.json", sandbox_url) as base: ...  # listens between the two
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import pytest
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.waiting import free_ports

ROOT = Path(__file__).resolve().parents[1]
SPECS = Path(os.environ.get("PARLEY_SPECS") or ROOT.parent / "shared" / "specs")
FOLDER = ROOT / "var" / "witness"

PRISM = "5.14.2"  # the last version that runs on node 20; 5.16 asks for 24.18
START_SECONDS = 60.0  # two at once on two busy cores were seen to take 9
ATTEMPTS = 3


def missing() -> str | None:
    """One line that says why witness tests cannot run here; None if they can."""
    if not (SPECS / "twilio_messages.json").is_file():
        return f"the carriers' specification files are not at {SPECS} (set PARLEY_SPECS)"
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None


def need() -> None:
    """Leave the running test out if a witness is missing; in CI, fail it."""
    reason = missing()
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"witness missing in CI: {reason}")
    pytest.skip(reason)


def spec(name: str) -> dict[str, Any]:
    """The carrier's specification file `name`, parsed."""
    loaded: dict[str, Any] = json.loads((SPECS / name).read_text("utf-8"))
    return loaded


def objections(spec_name: str, method: str, path: str, form: list[tuple[str, str]]) -> list[str]:
    """What the specification has against a posted form, fields it does not know included: prism and the carrier
    both pass over those in silence, so that a misspelt one would never be missed.
    """
    whole = spec(spec_name)
    content = whole["paths"][path][method]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    schema = content["schema"]
    value: dict[str, Any] = {}
    for name, text in form:
        kind = schema["properties"].get(name, {}).get("type")
        if kind == "array":
            value.setdefault(name, []).append(text)
        elif name in value:
            return [f"{name}: given twice"]
        else:
            value[name] = _typed(kind, text)
    registry = Registry().with_resource(
        "urn:spec", Resource.from_contents(whole, default_specification=DRAFT4)
    )
    local = json.loads(json.dumps(schema).replace('"#/', '"urn:spec#/'))
    found = OAS30Validator(local, registry=registry).iter_errors(value)
    return [f"{'/'.join(map(str, error.path)) or 'form'}: {error.message[:120]}" for error in found]


def _typed(kind: str | None, text: str) -> object:
    if kind == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


def installed(package: str, version: str) -> Path:
    """The folder of one npm package, put under var/witness on first use and kept.

    Another test process may want the same one at the same moment, so there is a lock; and an install that was
    killed half-way must not look finished, so the folder gets its name last.
    """
    home = FOLDER / f"{package.rsplit('/', 1)[-1]}-{version}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.is_dir():
            with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
                half = Path(scratch) / "half"
                half.mkdir()
                options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
                done = subprocess.run(
                    ["npm", "install", *options, "--prefix", str(half), f"{package}@{version}"],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=300,
                )
                if done.returncode:
                    raise RuntimeError(f"npm could not install {package}@{version}:\n{done.stderr[-2000:]}")
                half.rename(home)
    return home / "node_modules" / package


@contextmanager
def prism(kind: Literal["mock", "proxy"], spec_name: str, upstream: str | None = None) -> Iterator[str]:
    """Prism with `--errors` on a free local port: gives its base URL, and ends it with all its children.

    A `mock` answers from the examples in the file; a `proxy` hands requests on to `upstream`. Both answer
    4xx or 500, naming the exact path, where a request or an answer breaks the specification.
    """
    need()
    if (kind == "proxy") != (upstream is not None):
        raise ValueError("a proxy needs an upstream, and a mock has none")
    program = installed("@stoplight/prism-cli", PRISM) / "dist" / "index.js"
    command = ["node", str(program), kind, "--errors", "-h", "127.0.0.1", "-p"]
    asked = [str(SPECS / spec_name), *([upstream] if upstream else [])]
    with tempfile.TemporaryFile("w+") as log:
        process, port = _started(command, asked, log)
        try:
            yield f"http://127.0.0.1:{port}"
        except BaseException as error:
            error.add_note(f"prism ({kind} {spec_name}), exit code {process.poll()}, said:\n{_said(log)}")
            raise
        finally:
            _end(process)


def _started(command: list[str], asked: list[str], log: IO[str]) -> tuple[subprocess.Popen[bytes], int]:
    """A prism that listens, and its port; another port for one that ended at once, for somebody may have had it."""
    for _ in range(ATTEMPTS):
        (port,) = free_ports(1)
        process = subprocess.Popen(
            [*command, str(port), *asked],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            # A connection would prove only that somebody listens there.
            if _says(process, log, f"Prism is listening on http://127.0.0.1:{port}"):
                return process, port
        except BaseException:
            _end(process)
            raise
        _end(process)
    raise RuntimeError(f"prism ended {ATTEMPTS} times before it listened:\n{_said(log)}")


def _says(process: subprocess.Popen[bytes], log: IO[str], words: str) -> bool:
    """Whether it said so before it ended. Raises TimeoutError if it does neither."""
    deadline = time.monotonic() + START_SECONDS
    while words not in _said(log):
        if process.poll() is not None:
            return False
        if time.monotonic() > deadline:
            raise TimeoutError(f"prism does not listen after {START_SECONDS:g} s:\n{_said(log)}")
        time.sleep(0.05)
    return True


def _said(log: IO[str]) -> str:
    """The end of what prism has said. Its own place in the file is where it writes: ours must not move it."""
    size = os.fstat(log.fileno()).st_size
    return os.pread(log.fileno(), 4000, max(0, size - 4000)).decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
