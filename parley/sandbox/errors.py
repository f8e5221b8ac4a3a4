"""The carrier's refusals: Twilio's codes, its words, its error body.

https://www.twilio.com/docs/api/errors (codes and titles as of 2026-11).
"""

from __future__ import annotations

# code: (HTTP status, what is said; {} is filled with the thing at fault)
REFUSALS: dict[int, tuple[int, str]] = {
    20001: (400, "{}"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20009: (409, "Cannot {} message because delivery has not been completed."),
    20404: (404, "The requested resource {} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    20503: (503, "Service is unavailable. Please try again later."),
    21201: (400, "No 'To' number is specified"),
    21205: (400, "Url parameter is required, and must be a web address: {}"),
    21210: (
        400,
        "The source phone number provided, {}, is not yet verified for your account. You may only make calls from "
        "phone numbers that you've verified or purchased from Twilio.",
    ),
    21211: (400, "Invalid 'To' Phone Number: {}"),
    21212: (400, "Invalid From Number (caller ID): {}"),
    21213: (400, "A 'From' phone number is required."),
    21215: (
        400,
        "Account not authorized to call {}. Perhaps you need to enable some international permissions.",
    ),
    21216: (400, "Account not allowed to call {}"),
    21218: (400, "ApplicationSid is not valid: {}"),
    21220: (400, "Unable to update record. Call is not in-progress. Cannot redirect or end it."),
    21266: (400, "'To' and 'From' number cannot be the same: {}"),
    21408: (
        400,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {}",
    ),
    21421: (400, "{} is not a valid phone number"),
    21422: (400, "{} is not available"),
    21452: (400, "No phone numbers found in area code {}"),
    21502: (400, "Invalid SmsUrl, VoiceUrl or StatusCallback: {}"),
    21602: (400, "A text message body or media urls must be specified."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21609: (400, "The 'StatusCallback' URL {} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21620: (400, "Invalid media URL: {}"),
    21623: (400, "Number of media files exceeds allowed limit"),
    21659: (400, "'From' {} is not a Twilio phone number or Short Code country mismatch"),
    21701: (404, "The Messaging Service does not exist"),
    30409: (400, "Message is not in a cancelable state."),
    30437: (400, "The time in which this verification could be edited has expired"),
    35118: (400, "MessagingServiceSid is required to schedule a message"),
}

# What the carrier's debugger says of a call whose TwiML it could not follow.
PROBLEMS: dict[int, str] = {
    11100: "Invalid URL format",
    11200: "HTTP retrieval failure",
    12100: "Document parse failure",
    12101: "Invalid TwiML: too many documents",
    12200: "Schema validation warning",
    13214: "Dial: Invalid callerId value",
    13223: "Dial: Invalid phone number format",
    13225: "Dial: Forbidden phone number",
    13227: "Dial: No International Authorization",
}

# Why a message that was accepted did not arrive: ErrorCode on a callback, error_message on the resource.
FAILURES: dict[int, str] = {
    11200: "HTTP retrieval failure",
    11751: "Media message - media exceeds messaging provider size limit",
    12300: "Invalid Content-Type",
    30001: "Queue overflow",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30017: "Carrier network congestion",
    30019: "Content size exceeds carrier limit",
    30022: "US A2P 10DLC - Rate Limits Exceeded",
    30023: "US A2P 10DLC - Daily Message Cap Reached",
    30032: "Toll-Free number has not been verified",
    30034: "US A2P 10DLC - Message from an Unregistered Number",
    30036: "Validity period expired",
    30410: "Provider Timeout Error",
}


class Refusal(Exception):
    """The carrier says no; raised anywhere in a REST handler and answered as Twilio's error body."""

    def __init__(self, code: int, about: str = "", *, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.code = code
        self.status, words = REFUSALS[code]
        self.words = words.format(about)
        self.headers = headers
        super().__init__(self.words)

    def body(self) -> dict[str, object]:
        """Twilio's error body."""
        return {
            "code": self.code,
            "message": self.words,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
