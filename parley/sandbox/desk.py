"""The verification desk: where a person plays the carriers' reviewers.

Rejections and their codes: https://www.twilio.com/docs/messaging/compliance/toll-free/api-onboarding. A rejected
one may be edited for seven days.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from parley.sandbox.numbering import national
from parley.sandbox.records import Verification
from parley.sandbox.web import BadRequest
from parley.sandbox.world import World

EDIT_SECONDS = 7 * 24 * 3600
# What carriers tell applicants to expect.
REVIEW_DAYS = 42


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verification is rejected: the carrier's code, and its words."""

    key: str
    code: int
    label: str
    words: str


REASONS = (
    Reason(
        "name",
        30484,
        "Name does not match number",
        "The business name does not match the registration number.",
    ),
    Reason(
        "opt_in", 30475, "Website has no opt-in", "The website does not show how people agree to get texts."
    ),
    Reason("use", 30442, "Use case not allowed", "This use is not allowed on toll-free numbers."),
    Reason("business", 30472, "Business cannot be verified", "The business could not be verified."),
    Reason(
        "end_business",
        30474,
        "Not the end business",
        "The end business must be named, not its software provider.",
    ),
    Reason(
        "cancelled",
        30481,
        "Cancelled, may not be sent again",
        "The request was cancelled and cannot be edited.",
    ),
)
# After this one nothing can be edited.
_NOT_EDITABLE = 30481


class Desk:
    """Approving a verification lets its number reach handsets; anything else stops it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def approve(self, verification: Verification) -> None:
        """Yes."""
        self._judge(verification, "TWILIO_APPROVED")

    def reject(self, verification: Verification, reason: Any, edit_seconds: Any = None) -> None:
        """No, and why: the key of a REASON, or other words; it may be edited for so long.

        Raises BadRequest without a reason, or for a time that is none.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise BadRequest(f"reason must be words, or one of {', '.join(known.key for known in REASONS)}")
        known = next((known for known in REASONS if known.key == reason), None)
        words, code = (known.words, known.code) if known else (reason.strip(), 30440)
        if edit_seconds is None:
            edit_seconds = EDIT_SECONDS
        elif not isinstance(edit_seconds, int | float) or edit_seconds < 0:
            raise BadRequest("edit_seconds must be a number, 0 or more")
        self._judge(verification, "TWILIO_REJECTED", words, code, edit_seconds)

    def take_back(self, verification: Verification) -> None:
        """The verdict was a slip: back to review."""
        self._judge(verification, "IN_REVIEW")

    def _judge(
        self,
        verification: Verification,
        status: str,
        words: str | None = None,
        code: int | None = None,
        edit_seconds: float = 0,
    ) -> None:
        verification.status = status
        verification.rejection_reason, verification.rejection_code = words, code
        rejected = status == "TWILIO_REJECTED"
        verification.edit_until = time.time() + edit_seconds if rejected and code != _NOT_EDITABLE else None
        self._world.put_verification(verification)
        number = self._world.numbers.get(verification.phone_number)
        if number is not None:
            owner = number.owner or str(verification.asked.get("business_name") or "")
            self._world.put_number(number.phone_number, verified=status == "TWILIO_APPROVED", owner=owner)

    def as_dict(self) -> dict[str, Any]:
        """For the page: those that wait first, the newest on top."""
        now = time.time()
        waiting = ("PENDING_REVIEW", "IN_REVIEW")
        entries = sorted(
            self._world.verifications.values(), key=lambda one: (one.status not in waiting, -one.updated)
        )
        return {
            "reasons": [{"key": reason.key, "label": reason.label} for reason in REASONS],
            "review_days": REVIEW_DAYS,
            "verifications": [
                {
                    **one.as_dict(),
                    "national": national(one.phone_number),
                    "day": int((now - one.created) // 86400) + 1,
                    "waiting": one.status in waiting,
                }
                for one in entries
            ],
        }
