"""Was it Twilio who called? The signature on its webhooks.

Twilio signs the URL it called and, after it, each form field's name and value in order (for JSON: the URL
alone, which then carries `bodySHA256`). The signature has no time in it, so a copied request stays valid for
ever: whoever stores what it says must remember its id for ever too.

Source: Twilio's security guide; the SHA-256 kind with a shared key, which no public page describes, from its
Python library 9.13.0. Reviewed 2026-11-23.
"""

from __future__ import annotations

import hashlib
import hmac
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

HEADER = "x-twilio-signature"
SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"

_HASHES = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def settings(header: str) -> tuple[str, str | None]:
    """The algorithm and the id of the shared key that the settings header names.

    No header, or one without an algorithm, means HMAC_SHA1; no key means the account's auth token.
    """
    if not header:
        return "HMAC_SHA1", None
    named = {
        name.strip(): value.strip() for name, _, value in (part.partition("=") for part in header.split(","))
    }
    return named.get("algorithm") or "HMAC_SHA1", named.get("key") or None


def sign(secret: str, url: str, form: Sequence[tuple[str, str]], algorithm: str = "HMAC_SHA1") -> str:
    """The signature of one request. Raises KeyError for an algorithm that is not known."""
    signed = url + "".join([name + value for name, value in sorted(set(form))])
    mac = hmac.digest(secret.encode(), signed.encode("utf-8", "surrogatepass"), _HASHES[algorithm.upper()])
    return b2a_base64(mac, newline=False).decode()


def valid(
    secret: str,
    url: str,
    form: Sequence[tuple[str, str]],
    signature: str,
    *,
    algorithm: str = "HMAC_SHA1",
    body: bytes | None = None,
) -> bool:
    """Does `signature` fit? `url` is our configured public address, path and query.

    `body` is the raw body of a request that is not a form, and must be given where `url` carries its hash.
    Twilio signs sometimes with the port and sometimes without, so either will do.
    """
    if algorithm.upper() not in _HASHES or not secret:
        return False
    hashes = parse_qs(urlsplit(url).query).get("bodySHA256") if "?" in url else None
    if hashes and not form:
        told = hashlib.sha256(body or b"").hexdigest()
        if body is None or not hmac.compare_digest(told.encode(), hashes[0].encode("utf-8", "replace")):
            return False
    given = signature.encode("utf-8", "replace")
    return any(
        hmac.compare_digest(sign(secret, spelt(), form, algorithm).encode(), given)
        for spelt in (lambda: url, lambda: _other_spelling(url))
    )


def authentic(
    auth_token: str,
    shared_keys: Mapping[str, str],
    url: str,
    headers: Mapping[str, str],
    form: Sequence[tuple[str, str]],
    body: bytes | None = None,
) -> bool:
    """Was this webhook signed with the account's auth token, or with the shared key that it names?

    `shared_keys` are secrets by key id. An unknown key or algorithm is refused.
    """
    ours = {name.lower(): value for name, value in headers.items()}
    algorithm, key = settings(ours.get(SETTINGS_HEADER, ""))
    secret = auth_token if key is None else shared_keys.get(key, "")
    return valid(secret, url, form, ours.get(HEADER, ""), algorithm=algorithm, body=body)


def _other_spelling(url: str) -> str:
    """With the port if it is without, without it if it is with."""
    parts = urlsplit(url)
    if parts.port is not None:
        bare = parts.netloc.rpartition(":")[0]
        return url.replace(parts.netloc, bare, 1)
    port = 443 if parts.scheme == "https" else 80
    return url.replace(parts.netloc, f"{parts.netloc}:{port}", 1)
