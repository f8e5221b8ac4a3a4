"""Who we are to push services: a key pair (VAPID, RFC 8292), the same on every machine.

It is derived from the secret key, which all machines share already: there is nothing more to make, keep or lose.
When the secret key changes, so does this; open pages notice and subscribe anew.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from email.utils import parseaddr
from functools import cache
from time import time

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from py_vapid import Vapid02

# The order of P-256's base point (SEC 2, 2.4.2). A private key is a number from 1 to ORDER - 1.
ORDER = 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551


@cache
def _private_key(secret: str) -> ec.EllipticCurvePrivateKey:
    # 128 bits more than the order has: what the remainder prefers is beyond measure (FIPS 186-5, A.2.1).
    made = HKDF(SHA256(), 48, salt=None, info=b"parley vapid 1").derive(secret.encode())
    return ec.derive_private_key(int.from_bytes(made, "big") % (ORDER - 1) + 1, ec.SECP256R1())


def public_key() -> str:
    """What a browser subscribes with: the uncompressed point, base64url without padding."""
    key = _private_key(settings.SECRET_KEY).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()


def authorization(origin: str) -> str:
    """The header that says to the push service at `origin`, who is pushing and whom to write to."""
    signer = Vapid02(_private_key(settings.SECRET_KEY), conf={"no-strict": True})
    # Good for twelve hours of the twenty-four allowed: clocks differ.
    claims = {
        "exp": int(time()) + 12 * 60 * 60,
        "aud": origin,
        "sub": f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}",
    }
    return str(signer.sign(claims)["Authorization"])
