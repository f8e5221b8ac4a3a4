"""The counter against the carrier's own calculator, its browser twin, and its own promises."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.sms import segments
from parley.sms.segments import as_given, count, line_breaks, plain, special
from tests import witness

VECTORS = json.loads((witness.ROOT / "tests/vectors/segments_vectors.json").read_text("utf-8"))["vectors"]
TWIN = witness.ROOT / "parley/ui/static/ui/segments.js"

# The calculator keeps a grapheme whole and bills one segment more; a network that packs units does not.
WHOLE_GRAPHEMES = {
    "33 flags: 132 units, whole flags only fit 16 a segment": 2,
    "33 skin-toned thumbs: 132 units": 2,
    "e + combining acute x 67: a grapheme is kept whole by some": 2,
}

texts = st.text(
    st.characters(exclude_categories=[]) | st.sampled_from("aé€{}|’“…½ç\t\r\n😀\u0301\u200d"), max_size=400
)
long_gsm = st.text(st.sampled_from("ab €^\f\nà"), min_size=150, max_size=700)
long_ucs2 = st.text(st.sampled_from("aж😀€\ud83d\ude00"), min_size=60, max_size=300)


def twin(bodies: list[str]) -> list[dict[str, Any]]:
    witness.need()
    driver = Path(__file__).with_name("segments_twin.mjs")
    ran = subprocess.run(
        ["node", str(driver), str(TWIN)], input=json.dumps(bodies), capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    told: list[dict[str, Any]] = json.loads(ran.stdout)
    return told


def ours(body: str) -> dict[str, Any]:
    return {
        **count(body)._asdict(),
        "lineBreaks": line_breaks(body),
        "plain": plain(body),
        "special": special(body),
    }


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['id']}-{v['group']}")
def test_the_carriers_calculator_agrees(vector: dict[str, Any]) -> None:
    body = vector["body"]
    segments = WHOLE_GRAPHEMES.get(vector["note"], vector["segments"])
    assert as_given(body)[:3] == (vector["encoding"], segments, vector["units"])
    sent = count(body)
    assert sent[0] == vector["encoding"]
    assert sent.units == vector["units"] - body.count("\r\n")
    assert sent.segments <= segments


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['id']}-{v['group']}")
def test_plain_costs_what_smart_encoding_would(vector: dict[str, Any]) -> None:
    told = count(plain(vector["body"]))
    encoding, smart = vector["smart"]
    assert told.encoding == encoding
    assert told.segments == smart or vector["note"] in WHOLE_GRAPHEMES or "\r\n" in vector["body"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", ("GSM-7", 1, 0, 160)),
        ("a" * 160, ("GSM-7", 1, 160, 0)),
        ("a" * 161, ("GSM-7", 2, 161, 145)),
        ("a" * 152 + "€" + "a" * 152, ("GSM-7", 3, 306, 152)),
        ("ж" * 66 + "😀" + "ж" * 66, ("UCS-2", 3, 134, 66)),
        ("\r\n" * 160, ("GSM-7", 1, 160, 0)),
        ("ж" + "€" * 69, ("UCS-2", 1, 70, 0)),
        ("\ud83d", ("UCS-2", 1, 1, 69)),
    ],
)
def test_edges(body: str, expected: tuple[str, int, int, int]) -> None:
    assert count(body) == expected


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("it’s “ready” – come by…", 'it\'s "ready" - come by...'),
        ("call\u00a0\u202a(503) 555-0118\u202c", "call (503) 555-0118"),
        ("½ hour, no ` here", "1/2 hour, no ' here"),
        ("ｏｋ！", "ｏｋ！"),
        ("ok！", "ok!"),
        ("garçon, it’s ready", "garçon, it’s ready"),
        ("see you 😀 “soon”", "see you 😀 “soon”"),
        ("é à ñ stay", "é à ñ stay"),
        ("…" * 70, "…" * 70),
        ("a\x00b\ufeff", "ab"),
    ],
)
def test_plain(written: str, sent: str) -> None:
    assert plain(written) == sent


def test_special_names_what_made_it_ucs2() -> None:
    assert special("it’s ç, it’s 😀") == ["’", "ç", "😀"]
    assert special("all of {this} costs €2") == []


def greedy(text: str) -> tuple[int, int]:
    """Segments and units by placing one character after another: slow, and plainly what the rule says."""
    text = line_breaks(text)
    gsm = not special(text)
    sizes = (
        [2 if c in segments.EXTENSION else 1 for c in text]
        if gsm
        else [len(c.encode("utf-16-le", "surrogatepass")) // 2 for c in text]
    )
    alone, together = (160, 153) if gsm else (70, 67)
    if sum(sizes) <= alone:
        return 1, sum(sizes)
    parts, filled = 1, 0
    for size in sizes:
        if filled + size > together:
            parts, filled = parts + 1, 0
        filled += size
    return parts, sum(sizes)


@given(texts | long_gsm | long_ucs2)
def test_packing_is_greedy(text: str) -> None:
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    told = count(text)
    assert (told.segments, told.units) == greedy(text)
    size = (
        (160 if told.segments == 1 else 153)
        if told.encoding == "GSM-7"
        else (70 if told.segments == 1 else 67)
    )
    assert 0 <= told.left <= size
    assert told.units + told.left <= told.segments * size


@given(texts | long_gsm | long_ucs2)
def test_left_is_true(text: str) -> None:
    told = count(text)
    filler = "a"
    assert count(text + filler * told.left).segments == told.segments
    assert count(text + filler * (told.left + 1)).segments == told.segments + 1


@given(texts | long_ucs2)
def test_plain_never_costs_more_and_settles(text: str) -> None:
    once = plain(text)
    assert count(once).segments <= count(text).segments
    assert plain(once) == once
    assert [c for c in once if c.isalpha()] == [
        c for c in text if c.isalpha() and c not in "ʹʺʻʼʽˈˊˋˮ"
    ] or once == text


@given(texts)
def test_line_breaks_settle(text: str) -> None:
    assert "\r" not in line_breaks(text)
    assert line_breaks(line_breaks(text)) == line_breaks(text)
    assert count(line_breaks(text)) == count(text)


@pytest.mark.witness
def test_the_browser_counts_alike() -> None:
    chance = random.Random(7)
    pool = "aé€{}|^’“…½ç\t\r\n😀🇨🇦\u0301\u200d" + segments.BASIC + "".join(map(chr, range(0x2000, 0x2070)))
    mixed = ["".join(chance.choices(pool, k=chance.randrange(400))) for _ in range(2000)]
    gsm = ["".join(chance.choices("ab€{\n", k=chance.randrange(140, 700))) for _ in range(500)]
    halves = ["".join(chance.choices("aж\ud83d\ude00😀", k=chance.randrange(60, 300))) for _ in range(500)]
    paired = [h.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass") for h in halves]
    every = [chr(n) for n in range(0x10000)]
    bodies = [v["body"] for v in VECTORS] + mixed + gsm + paired + every
    for body, told in zip(bodies, twin(bodies), strict=True):
        assert told == ours(body), ascii(body)


CALCULATOR = """
const { SegmentedMessage } = require(process.argv[1]);
const told = JSON.parse(require("fs").readFileSync(0, "utf8")).map((text) => {
  const message = new SegmentedMessage(text);
  const units = message.encodingName === "GSM-7" ? message.numberOfCharacters : text.length;
  return [message.encodingName, message.segmentsCount, units];
});
process.stdout.write(JSON.stringify(told));
"""


@pytest.mark.witness
def test_the_carriers_calculator_agrees_on_every_character_and_on_long_mixtures() -> None:
    witness.need()
    calculator = witness.installed("sms-segments-calculator", "1.3.0")
    chance = random.Random(1)
    gsm = segments.BASIC + "\r\n" + segments.EXTENSION * 3
    bodies = [chr(n) for n in range(0x10000) if not 0xD800 <= n < 0xE000]
    bodies += ["".join(chance.choices(gsm, k=chance.randrange(1, 700))) for _ in range(1000)]
    bodies += ["".join(chance.choices("abж😀您€ñ", k=chance.randrange(1, 400))) for _ in range(1000)]
    ran = subprocess.run(
        ["node", "-e", CALCULATOR, str(calculator)],
        input=json.dumps(bodies),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    for body, told in zip(bodies, json.loads(ran.stdout), strict=True):
        assert list(as_given(body)[:3]) == told, ascii(body)


@pytest.mark.parametrize("unit", ["hello there ", "€", "it’s ", "😀"])
def test_a_megabyte_a_second(unit: str) -> None:
    text = unit * (1_000_000 // len(unit.encode()))
    began = time.process_time()
    count(text)
    plain(text)
    assert time.process_time() - began < 1
