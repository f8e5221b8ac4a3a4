"""`parley segments`: JSON strings in, one a line, and what each costs out."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import witness
from tests.sms.test_segments import VECTORS, WHOLE_GRAPHEMES

PARLEY = [sys.executable, "-m", "parley", "segments"]


def run(given: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(PARLEY, input=given, capture_output=True, timeout=30, cwd=witness.ROOT)


def test_it_agrees_with_the_carriers_calculator() -> None:
    raw = [json.dumps(v["body"], ensure_ascii=False) for v in VECTORS]
    lines = [json.dumps(v["body"]) for v in VECTORS] + raw
    ran = run("\n".join(lines).encode())
    assert (ran.returncode, ran.stderr) == (0, b"")
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert told[: len(VECTORS)] == told[len(VECTORS) :]
    for vector, answer in zip(VECTORS, told, strict=False):
        assert answer == {
            "encoding": vector["encoding"],
            "segments": WHOLE_GRAPHEMES.get(vector["note"], vector["segments"]),
            "units": vector["units"],
        }, vector["note"]


def test_half_a_surrogate_pair_counts_as_one_unit() -> None:
    ran = run(rb'"\ud83d"' b"\n" rb'"\ude00\ud83d"' b"\n" rb'"\ud83d\ude00"' b"\n")
    units = [json.loads(line)["units"] for line in ran.stdout.splitlines()]
    assert (ran.returncode, units) == (0, [1, 2, 2])


def test_an_answer_comes_before_the_next_question() -> None:
    with subprocess.Popen(
        PARLEY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=witness.ROOT
    ) as process:
        assert process.stdin
        assert process.stdout
        for text, units in ("See you at 5\u2028", 13), ("{", 2):
            process.stdin.write(json.dumps(text, ensure_ascii=False) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["units"] == units
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize("line", [b"5", b"Hello", b"", b'"Hello', b'["a"]', b"null", b'"\xe9"', b"[" * 9999])
def test_what_is_not_a_json_string_is_named_by_its_line(line: bytes) -> None:
    ran = run(b'"Hello"\n' + line + b'\n"never read"\n')
    assert ran.returncode == 2
    assert ran.stderr.decode() == "parley: line 2 is not a JSON string in UTF-8\n"
    assert ran.stdout.decode() == '{"encoding": "GSM-7", "segments": 1, "units": 5}\n'


def test_a_reader_who_leaves_early_is_no_error() -> None:
    with subprocess.Popen(
        PARLEY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=witness.ROOT
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(b'"Hello"\n')
        process.stdin.close()
        assert (process.wait(20), process.stderr.read()) == (0, b"")


def test_it_starts_neither_django_nor_a_database() -> None:
    script = "import sys; from parley.cli import main; main(['segments']); print('django' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script], input=b'"a"', capture_output=True, timeout=30, cwd=witness.ROOT
    )
    assert ran.stdout.splitlines()[-1] == b"False", ran.stderr
