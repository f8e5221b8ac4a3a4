"""How many segments a text is cut into, and so what it costs.

A text travels as GSM-7 (160 septets, or 153 a part when there are several) unless one character of it is
not in that alphabet; then all of it travels as UCS-2 (70 UTF-16 units, or 67 a part). A pair (an escaped
character, a surrogate pair) is never cut in two, so the number of parts is packed, not divided.

The browser's twin is `parley/ui/static/ui/segments.js`; tests hold the two to the same answers. The
carrier's own count is the bill: it keeps whole graphemes together, so runs of flags may cost one segment
more than said here.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

# The default alphabet and its extension table: 3GPP TS 23.038 section 6.2.1; the same, for each character of
# the BMP, as sms-segments-calculator 1.3.0, the carrier's own (MIT). National shift tables are left out:
# Twilio does not use them. Reviewed 2026-11-23.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"

# What looks the same in GSM-7, by code point. After the smart encoding map of sms-segments-calculator 1.3.0,
# with these departures: no letter is ever changed, a space stays one space (there two, and a tab seven), and
# what has no shape at all (bidirectional marks around pasted phone numbers, soft hyphens) goes.
# Reviewed 2026-11-23.
LOOKALIKES: dict[str, tuple[int, ...]] = {
    '"': (
        0x00AB,
        0x00BB,
        0x02BA,
        0x02EE,
        0x201C,
        0x201D,
        0x201E,
        0x201F,
        0x2033,
        0x275D,
        0x275E,
        0x301D,
        0x301E,
    ),
    "'": (
        *(
            0x0060,
            0x00B4,
            0x02B9,
            0x02BB,
            0x02BC,
            0x02BD,
            0x02C8,
            0x02CA,
            0x02CB,
            0x2018,
            0x2019,
            0x201B,
            0x2032,
        ),
        *(0x275B, 0x275C),
    ),
    ",": (0x201A,),
    "<": (0x2039,),
    ">": (0x203A,),
    "-": (0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2022, 0x2043, 0x2212, 0xFE63),
    "/": (0x2044, 0x2215),
    "...": (0x2026,),
    "!!": (0x203C,),
    "1/4": (0x00BC,),
    "1/2": (0x00BD,),
    "3/4": (0x00BE,),
    "\n": (0x0085, 0x2028, 0x2029),
    " ": (0x0009, 0x00A0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000),
    "": (
        *(n for n in range(0x20) if chr(n) not in "\t\n\f\r"),
        *(
            0x007F,
            0x00AD,
            0x061C,
            *range(0x200B, 0x2010),
            *range(0x202A, 0x202F),
            *range(0x2060, 0x206A),
            0xFEFF,
        ),
    ),
}

_SUBSTITUTES: dict[int, str] = {point: plain for plain, points in LOOKALIKES.items() for point in points}
_SUBSTITUTES |= {0xFEE0 + n: chr(n) for n in range(0x21, 0x7F) if not chr(n).isalpha()}  # full-width forms

_NOT_GSM = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]")
_EXTENSION = re.compile(f"[{re.escape(EXTENSION)}]")
_ESCAPE = "\x1b"


class Segments(NamedTuple):
    """`units` are septets (GSM-7) or UTF-16 units (UCS-2); `left` is how many more fit the last segment."""

    encoding: Literal["GSM-7", "UCS-2"]
    segments: int
    units: int
    left: int


def line_breaks(text: str) -> str:
    """`text` as it is sent: each line break one LF. A CRLF would be billed as two characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def count(text: str) -> Segments:
    """What `text` costs once its line breaks are LF. A text without a word (a picture's) is one segment."""
    return as_given(line_breaks(text))


def as_given(text: str) -> Segments:
    """What `text` costs if it is sent just as it is: a CRLF counts as two characters, as carriers bill it."""
    if _NOT_GSM.search(text):
        return _pack_ucs2(text.encode("utf-16-le", "surrogatepass"))
    return _pack_gsm(_EXTENSION.sub(_ESCAPE + r"\g<0>", text))


def special(text: str) -> list[str]:
    """The characters that make `text` UCS-2, each once, in the order they first appear."""
    return list(dict.fromkeys(_NOT_GSM.findall(text)))


def plain(text: str) -> str:
    """`text` with look-alikes in GSM-7's alphabet: straight quotes, hyphens, dots, spaces. Letters stay.

    It is given back unchanged where nothing would be won: something else in it (an emoji, a `ç`) needs UCS-2
    anyway, or the longer spelling would cost more segments.
    """
    if not _NOT_GSM.search(text):
        return text
    substituted = text.translate(_SUBSTITUTES)
    if _NOT_GSM.search(substituted) or count(substituted).segments > count(text).segments:
        return text
    return substituted


def _pack_gsm(septets: str) -> Segments:
    units = len(septets)
    if units <= 160:
        return Segments("GSM-7", 1, units, 160 - units)
    segments = start = 0
    while True:
        segments += 1
        end = start + 153
        if end >= units:
            return Segments("GSM-7", segments, units, end - units)
        start = end - 1 if septets[end - 1] == _ESCAPE else end


def _pack_ucs2(octets: bytes) -> Segments:
    units = len(octets) // 2
    if units <= 70:
        return Segments("UCS-2", 1, units, 70 - units)
    segments = start = 0
    while True:
        segments += 1
        end = start + 67
        if end >= units:
            return Segments("UCS-2", segments, units, end - units)
        cut = octets[2 * end - 1] & 0xFC == 0xD8 and octets[2 * end + 1] & 0xFC == 0xDC
        start = end - 1 if cut else end
