"""How fast are texts counted? Prints one JSON line: megabytes of UTF-8 a second, for each kind of text.

    python bench/segments.py [--megabytes 4] [--rounds 5]

The texts are made from the same few sentences, with names, times and prices that differ, in the lengths that a composer
holds: mostly short, one call each. Every count is compared with one made by placing character after character.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time

from ground import machine

from parley.sms.segments import BASIC, EXTENSION, count, line_breaks

NAMES = ["Ana", "Zoë", "José", "Anaïs", "Sam", "Mr. Ødegård"]
SENTENCES = {
    "plain": [
        "Hi {name}, this is Cedar Studio.",
        "Your visit is on Thursday at {hour}:30.",
        "Reply C to confirm.\r\n",
        "The total was ${price}.00, thank you!",
        "Parking is behind the building [ring twice].",
    ],
    "curly": [
        "Hi {name} – it’s us…",
        "We’ve moved your visit to {hour} o’clock.",
        "“See you soon”, says {name}.",
    ],
    "emoji": [
        "See you at {hour} 😀",
        "Thanks {name} 🙏🏽👨‍👩‍👧",
        "Done! 🎉🎉",
        "Merci {name}, à bientôt, ça ira ❤️",
    ],
}
LENGTHS = {"short": range(10, 161), "long": range(400, 1601), "file": range(200_000, 200_001)}


def texts(kind: str, lengths: range, size: int, chance: random.Random) -> list[str]:
    made, total = [], 0
    while total < size:
        wanted = chance.choice(lengths)
        text = ""
        while len(text) < wanted:
            sentence = chance.choice(SENTENCES[kind])
            text += sentence.format(
                name=chance.choice(NAMES[:1] if kind == "plain" else NAMES),
                hour=chance.randrange(1, 13),
                price=chance.randrange(10, 400),
            )
            text += " "
        made.append(text[:wanted])
        total += len(made[-1].encode())
    return made


def placed(text: str) -> tuple[str, int, int]:
    """Encoding, segments and units by placing one character after another: slow, and plainly the rule."""
    text = line_breaks(text)
    gsm = set(text) <= set(BASIC + EXTENSION)
    alone, together = (160, 153) if gsm else (70, 67)
    sizes = [1 + (c in EXTENSION if gsm else ord(c) > 0xFFFF) for c in text]
    segments, filled = 1, 0
    for size in sizes if sum(sizes) > alone else []:
        if filled + size > together:
            segments, filled = segments + 1, 0
        filled += size
    return ("GSM-7" if gsm else "UCS-2"), segments, sum(sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    chance = random.Random(4)
    speeds: dict[str, float] = {}
    checked = 0
    for length, lengths in LENGTHS.items():
        for kind in SENTENCES:
            made = texts(kind, lengths, int(asked.megabytes * 1_000_000), chance)
            size = sum(len(text.encode()) for text in made)
            took = []
            for _ in range(asked.rounds):
                began = time.perf_counter()
                counted = [count(text) for text in made]
                took.append(time.perf_counter() - began)
            for text, told in zip(made, counted, strict=True):
                if told[:3] != placed(text):
                    raise SystemExit(f"counted {told}, but it is {placed(text)}: {ascii(text)[:200]}")
            checked += len(made)
            speeds[f"{length} {kind}"] = round(size / statistics.median(took) / 1_000_000, 1)
    slowest = min(speeds, key=lambda name: speeds[name])
    print(
        json.dumps(
            {
                "bench": "segments",
                "megabytes_a_second": speeds,
                "slowest": {slowest: speeds[slowest]},
                "texts_checked": checked,
                "machine": machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
