"""Writing down what voicemails say: by whom, if by anybody. The provider can be replaced by a class of one's own.

PARLEY_TRANSCRIBER names it: nothing (the default: voicemails are not written down, and the pages say so), "carrier"
(the carrier's own, for what languages it has; Twilio: English), or the dotted path of a class that is a `Transcriber`
and is made without arguments.
"""

from __future__ import annotations

from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

CARRIER = "carrier"
OFF = "Voicemails aren’t written down: whoever runs Parley has set up no speech-to-text provider."
LONGEST = 10_000


class NotWrittenDown(Exception):
    """The provider could make nothing of it, for good. Any other error is tried again."""


class Transcriber(Protocol):
    """A speech-to-text provider."""

    def transcribe(self, wav: bytes, language: str) -> str:
        """The words in a recording (WAV), which is probably in `language` (en, fr, es). Raises NotWrittenDown."""


def is_on() -> bool:
    """Is there anybody to write voicemails down? What a business has chosen is `CallRules.transcribes`."""
    return bool(settings.TRANSCRIBER)


def by_carrier() -> bool:
    return bool(settings.TRANSCRIBER == CARRIER)


def provider() -> Transcriber | None:
    """The provider that Parley itself asks; None where there is none, or the carrier does it."""
    if not settings.TRANSCRIBER or by_carrier():
        return None
    made: Transcriber = import_string(settings.TRANSCRIBER)()
    return made
