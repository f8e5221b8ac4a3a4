"""How many parts a text has: Parley's own count, the one thing that the sandbox takes from it."""

from parley.sms.segments import count


def segments(body: str) -> int:
    """Parts that the carrier would bill."""
    return count(body).segments
