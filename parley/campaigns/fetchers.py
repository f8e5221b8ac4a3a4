"""Who opens a short link without anybody having tapped it: programs that fetch whatever address a text holds.

A redirect cannot ask whether somebody looks, as a page can. So an opening counts unless it says itself that it is no
person's. What hides behind a browser's name (some carriers' and virus scanners' look-ups) is counted, and the page says
that the number is an estimate.
"""

from __future__ import annotations

import re

from django.http import HttpRequest

# Beside the number of clicks, wherever it is shown.
CLICKS_ARE = (
    "Counted once per person and link. Previews that phones and messengers load are left out as far as they say so, so "
    "take it for an estimate."
)

# Parts of the User-Agent, in any case. Reviewed 2026-11-26.
FETCHERS: tuple[tuple[str, str], ...] = (
    # Google Messages: developers.google.com, "Google user-triggered fetchers" (added 2026-01-21).
    ("googlemessages", "Google Messages"),
    # Messages on iPhones and Macs borrows these two names ("… facebookexternalhit/1.1 Facebot Twitterbot/1.0"), seen in
    # access logs; Meta: developers.facebook.com/docs/sharing/webmasters/web-crawlers.
    ("facebookexternalhit", "Apple Messages, Facebook, Messenger, WhatsApp"),
    ("meta-externalfetcher", "Meta"),
    # opengraphplus.com/consumers/whatsapp/crawling.
    ("whatsapp/", "WhatsApp"),
    ("skypeuripreview", "Teams, and Skype before it"),
    ("viber/", "Viber"),
    # Slackbot, Twitterbot, TelegramBot, Discordbot, LinkedInBot, Applebot, Googlebot, bingbot and their like: all
    # say it of themselves. A CUBOT is a telephone.
    (r"(?<!cu)bot\b", "robots by their own name"),
    ("crawler", "robots by their own name"),
    ("spider", "robots by their own name"),
    ("bingpreview", "Microsoft"),
    ("headlesschrome", "a browser without a screen"),
    # What programs call themselves unless somebody changes it.
    (r"^(curl|wget|python|go-http-client|java|okhttp|libwww|node|axios|ruby|php|apache-http)", "a program"),
)
_FETCHER = re.compile("|".join(pattern for pattern, _ in FETCHERS), re.IGNORECASE)
_LONGEST = 1000


def by_a_person(request: HttpRequest) -> bool:
    """Did somebody tap it, as far as the request says?

    HEAD looks and does not open. `Sec-Purpose` (Fetch Standard), and the others before it, say that it is loaded ahead
    of time; `Sec-Fetch-Mode` is "navigate" where a browser opens a page.
    """
    if request.method != "GET":
        return False
    told = request.headers
    purpose = " ".join(
        told.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
    ).lower()
    if "prefetch" in purpose or "preview" in purpose:
        return False
    if told.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return False
    agent = told.get("User-Agent", "")[:_LONGEST].strip()
    return bool(agent) and not _FETCHER.search(agent)
