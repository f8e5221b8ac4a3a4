"""The one account of the pretend carrier, the one of the pretend payment provider, and how a request proves that it
is its owner's.
"""

from __future__ import annotations

import base64
import binascii
import os
from hmac import compare_digest

ACCOUNT_SID = os.environ.get("PARLEY_TWILIO_ACCOUNT_SID") or "AC5a4d8b0c2e6f4a719d3c5e7b9f1a2c4e"
AUTH_TOKEN = os.environ.get("PARLEY_TWILIO_AUTH_TOKEN") or "sandbox0token0for0demos0and0tests"
PAYMENT_KEY = os.environ.get("PARLEY_STRIPE_KEY") or "sk_test_sandbox0key0for0demos0and0tests"
WEBHOOK_SECRET = os.environ.get("PARLEY_STRIPE_WEBHOOK_SECRET") or "whsec_sandbox0secret0for0demos0and0tests"

_EXPECTED = f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()
_EXPECTED_HEADER = b"Basic " + base64.b64encode(_EXPECTED)


def authorised(header: bytes | None) -> bool:
    """Does this Authorization header hold the account's sid and token (HTTP Basic)?"""
    if header is None:
        return False
    if compare_digest(header, _EXPECTED_HEADER):
        return True
    # Some clients write "basic", or pad otherwise; what counts is what it decodes to.
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        return False
    try:
        return compare_digest(base64.b64decode(encoded, validate=True), _EXPECTED)
    except binascii.Error:
        return False


def python_example(base_url: str, sender: str, recipient: str) -> str:
    """A program that sends a text through the simulator with Twilio's own Python library."""
    return f'''from urllib.parse import urlsplit, urlunsplit
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

SIMULATOR = urlsplit("{base_url}")

class Simulator(TwilioHttpClient):
    def request(self, method, url, *args, **kwargs):
        url = urlunsplit(SIMULATOR[:2] + urlsplit(url)[2:])
        return super().request(method, url, *args, **kwargs)

client = Client("{ACCOUNT_SID}", "{AUTH_TOKEN}", http_client=Simulator())
text = client.messages.create(
    from_="{sender}", to="{recipient}", body="Hello from the official library")
print(text.sid, text.status)
'''
