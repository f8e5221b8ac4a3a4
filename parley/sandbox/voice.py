"""Sound: what a handset's owner says, as a real WAV that nobody has spoken."""

from __future__ import annotations

import io
import math
import random
import wave
from array import array
from collections.abc import Sequence
from functools import cache

RATE = 8000
# The longest that is put into one file; a longer one is cut, and says so by its length.
SECONDS_LIMIT = 1800.0
_TILE_SECONDS = 6
_LOUD = 9000


def wav(seconds: float, speech: Sequence[tuple[float, float]]) -> bytes:
    """8 kHz, mono, 16 bit: silence of so many seconds, with bursts like speech at (start, seconds)."""
    seconds = min(seconds, SECONDS_LIMIT)
    samples = array("h", bytes(2 * round(seconds * RATE)))
    for start, length in speech:
        first, last = round(start * RATE), min(round((start + length) * RATE), len(samples))
        tile = _tile()
        for at in range(first, last, len(tile)):
            piece = tile[: min(len(tile), last - at)]
            samples[at : at + len(piece)] = piece
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


@cache
def _tile() -> array[int]:
    """Syllables: a tone with overtones, swelling and fading, now and then a breath. The same on every run."""
    dice = random.Random(7)  # noqa: S311 (sound, not secrets)
    samples = array("h")
    phase = 0.0
    while len(samples) < _TILE_SECONDS * RATE:
        length = round(dice.uniform(0.12, 0.3) * RATE)
        loud = _LOUD * dice.uniform(0.45, 1.0)
        pitch = dice.uniform(105, 190)
        for place in range(length):
            phase += 2 * math.pi * pitch / RATE
            swell = math.sin(math.pi * place / length)
            tone = math.sin(phase) + 0.5 * math.sin(2 * phase) + 0.3 * math.sin(5 * phase)
            samples.append(round(loud * swell * tone / 1.8))
        samples.extend([0] * round(dice.choice((0.01, 0.03, 0.03, 0.2)) * RATE))
    return samples[: _TILE_SECONDS * RATE]
