"""What bytes are, told from the bytes alone: the type that a stranger's phone claims for them proves nothing.

A browser shows what is in INLINE as a picture; all else is only ever handed over as a file. What is not known here is
`application/octet-stream`, and so are SVG and HTML, which could run scripts in Parley's name.

Signatures: the WHATWG's MIME Sniffing standard, section 6; for AMR RFC 4867, for vCard RFC 6350, for the brands of
MP4 and 3GPP the register at mp4ra.org. Types are those that phones send (3GPP TS 26.140). Reviewed 2026-11-23.
"""

from __future__ import annotations

import re

UNKNOWN = "application/octet-stream"
INLINE = ("image/jpeg", "image/png", "image/gif", "image/webp")

# The ending a file gets, by its type; one that is not here gets none, so that a double click opens nothing.
ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/heic": ".heic",
    "application/pdf": ".pdf",
    "text/vcard": ".vcf",
    "audio/amr": ".amr",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/3gpp": ".3gp",
    "video/webm": ".webm",
}

_SIGNATURES = [
    (re.compile(pattern, re.DOTALL), type_)
    for pattern, type_ in (
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBPVP", "image/webp"),
        (rb"RIFF....WAVE", "audio/wav"),
        (rb"%PDF-", "application/pdf"),
        (rb"(\xef\xbb\xbf)?(?i:BEGIN:VCARD)\r?\n", "text/vcard"),
        (rb"#!AMR(-WB)?\n", "audio/amr"),
        (rb"ID3|\xff[\xf2\xf3\xfa\xfb]", "audio/mpeg"),
        (rb"OggS\x00", "audio/ogg"),
        (rb"....ftyp(heic|heix|mif1)", "image/heic"),
        (rb"....ftypM4[AB]", "audio/mp4"),
        (rb"....ftypqt  ", "video/quicktime"),
        (rb"....ftyp3g", "video/3gpp"),
        (rb"....ftyp(isom|iso[2-9]|mp4[12]|avc1|M4V)", "video/mp4"),
        (rb"\x1a\x45\xdf\xa3.{0,64}webm", "video/webm"),
    )
]


def sniff(content: bytes) -> str:
    """The type of `content`, from its first bytes; UNKNOWN for all that is not listed."""
    return next((type_ for signature, type_ in _SIGNATURES if signature.match(content)), UNKNOWN)
