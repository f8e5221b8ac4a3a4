"""Twilio Programmable Messaging: see README.md in this folder."""

from parley.carriers.twilio.carrier import Twilio

__all__ = ["Twilio"]
