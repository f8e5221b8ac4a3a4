"""TwiML as a tree: what the account answers when the carrier asks what to do with a call.

https://www.twilio.com/docs/voice/twiml (verbs and their defaults as of 2026-11).
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from urllib.parse import urljoin


class Unreadable(Exception):
    """It is no TwiML."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One element: its name, attributes, words and children."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    words: str = ""
    children: tuple[Verb, ...] = ()

    def text(self, name: str, default: str = "") -> str:
        """An attribute, or what it is if it is not given."""
        return self.attributes.get(name, default)

    def number(self, name: str, default: float) -> float:
        """An attribute that is a number, 0 or more; what cannot be read is as if it were not there."""
        try:
            value = float(self.attributes[name])
        except (KeyError, ValueError):
            return default
        return value if 0 <= value < 1e6 else default

    def flag(self, name: str, default: bool = False) -> bool:
        """An attribute that is true or false."""
        return self.attributes.get(name, "true" if default else "false").strip().lower() == "true"

    @property
    def method(self) -> str:
        """How its action is asked for."""
        return "GET" if self.text("method").upper() == "GET" else "POST"


@dataclass(frozen=True, slots=True)
class Document:
    """What one address said to do, in this order. `url` is "" for what came with the request for the call."""

    verbs: tuple[Verb, ...]
    url: str = ""

    def address(self, reference: str) -> str:
        """An address in the document, which may be relative to the document's own."""
        return urljoin(self.url, reference.strip()) if reference.strip() else self.url


def read(body: bytes | str, url: str = "") -> Document:
    """The document. Raises Unreadable."""
    try:
        # Entity bombs are refused by expat itself (2.4.1 and later), and an answer is read up to 64 KB.
        root = ElementTree.fromstring(body)  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unreadable(str(error)) from error
    if root.tag != "Response":
        raise Unreadable(f"the root is {root.tag}, not Response")
    return Document(tuple(_verb(element) for element in root), url)


def _verb(element: ElementTree.Element) -> Verb:
    return Verb(
        element.tag,
        dict(element.attrib),
        " ".join("".join(element.itertext()).split()) if element.tag != "Gather" else "",
        tuple(_verb(child) for child in element),
    )
