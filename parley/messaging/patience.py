"""How long the two roads wait, in seconds, and why so long."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Patience:
    """All in seconds. `scale` shortens every wait alike where a test has no minutes to spend."""

    scale: float = 1.0

    @property
    def lease(self) -> float:
        """A worker must have written an outcome by then; later, nobody knows (transition 10)."""
        return 60 * self.scale

    @property
    def stale(self) -> float:
        """A claim older than this is not begun any more: its lease may end before the carrier's answer."""
        return 25 * self.scale

    @property
    def proofs(self) -> tuple[float, float]:
        """Absence needs two listings, so long after the lease ended: longer than a carrier's latest acceptance (R5)."""
        return 60 * self.scale, 180 * self.scale

    @property
    def unanswered(self) -> float:
        """Until a list that failed is asked for again; it proved nothing."""
        return 30 * self.scale

    @property
    def listing_again(self) -> float:
        """Until a number's log is read again for texts that no webhook brought."""
        return 900 * self.scale

    @property
    def listing(self) -> float:
        """A worker must have read a number's log by then; later, another reads it."""
        return 300 * self.scale

    @property
    def polls(self) -> tuple[float, ...]:
        """When a receipt is missing, ask at these ages (R8)."""
        return tuple(age * self.scale for age in (120, 600, 3600, 6 * 3600, 24 * 3600, 72 * 3600))

    @property
    def direct_in_time(self) -> float:
        """A direct text proved absent so soon goes again by itself; later a person is asked."""
        return 600 * max(self.scale, 1.0)

    @property
    def under_way(self) -> float:
        """How long an opt-out waits for a text to that client that is being handed over (rule R6).

        A paced number's next share may take 1.5 s to begin; the carrier waits 15 s for the webhook's answer.
        """
        return max(2.0, 5.0 * self.scale)

    @property
    def paused(self) -> float:
        """After the carrier refused our account, before one text tries whether it is open again."""
        return 30 * self.scale

    @property
    def unread(self) -> float:
        """Until whoever should know of a text gets an email, if nobody has read it."""
        return 600 * self.scale

    def backoff(self, tries: int) -> float:
        """1 s doubled each time, five minutes at most; the caller adds the jitter."""
        return min(2.0 ** min(tries, 20), 300) * self.scale


def patience() -> Patience:
    return Patience(settings.PATIENCE)
