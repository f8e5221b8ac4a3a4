"""What carriers are known to refuse in a toll-free registration, as data: facts that they change without notice.

Sources, by Twilio's rejection codes (www.twilio.com/docs/api/errors/<code>): 30484 name differs from the number's,
30472 business not verifiable, 30482 email not at an official domain, 30475, 30551 and 30842 consent not shown or not
naming texts, 30451 address, 30527 registration number, 30483 contact is no representative; and what Sinch, Telnyx and
AWS publish of the same carriers' review. Legal forms: the company acts of the states and of Canada; EIN prefixes:
www.irs.gov ("How EINs are assigned and valid EIN prefixes"); Business Number: canada.ca (RC2). Reviewed 2026-11-25.
"""

from __future__ import annotations

import re

# How a registered name ends, by country and type of business. A type that is not here has no such ending.
_COMPANY = ("inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited")
SUFFIXES: dict[str, dict[str, tuple[str, ...]]] = {
    "US": {
        "llc": ("llc", "lc", "pllc", "limited liability company", "ltd liability co", "series llc"),
        "corporation": (*_COMPANY, "pc", "pa", "professional corporation", "pbc"),
        "public": (*_COMPANY, "plc", "lp", "trust", "nv", "sa"),
    },
    "CA": {
        "corporation": (
            *_COMPANY,
            "ltee",
            "limitee",
            "incorporee",
            "ulc",
            "professional corporation",
            "societe par actions",
        ),
        "public": (*_COMPANY, "ltee", "limitee", "incorporee", "lp", "trust"),
    },
}
# What to write, when none of them is there.
COMMON = {"llc": "LLC", "corporation": "Inc.", "public": "Inc."}

# The first two digits of every EIN that the IRS has given out.
EIN_PREFIXES = frozenset(
    re.findall(
        r"\d\d",
        """
        01 02 03 04 05 06 10 11 12 13 14 15 16 20 21 22 23 24 25 26 27 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45
        46 47 48 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 71 72 73 74 75 76 77 80 81 82 83 84 85 86 87
        88 90 91 92 93 94 95 98 99
        """,
    )
)

FREE_MAIL = frozenset(
    re.findall(
        r"\S+",
        """
        aol.com comcast.net duck.com fastmail.com gmail.com gmx.com googlemail.com hey.com hotmail.ca
        hotmail.com icloud.com live.ca live.com mac.com mail.com me.com msn.com outlook.com pm.me proton.me
        protonmail.com rocketmail.com rogers.com sbcglobal.net shaw.ca sympatico.ca telus.net tutanota.com
        verizon.net videotron.ca yahoo.ca yahoo.com ymail.com zoho.com att.net bell.net bellsouth.net cox.net
        earthlink.net charter.net
        """,
    )
)

# Pages on somebody else's site: carriers cannot tell whose they are.
SOCIAL = frozenset(
    re.findall(
        r"\S+",
        """
        facebook.com fb.com fb.me instagram.com tiktok.com twitter.com x.com linkedin.com youtube.com youtu.be
        pinterest.com snapchat.com threads.net yelp.com yelp.ca nextdoor.com wa.me t.me linktr.ee linkin.bio
        beacons.ai bio.link bio.site campsite.bio carrd.co hoo.be lnk.bio milkshake.app msha.ke solo.to
        taplink.cc about.me
        """,
    )
)

# Carriers block texts with these, because anybody's link can hide behind them.
SHORTENERS = frozenset(
    re.findall(
        r"\S+",
        """
        bit.ly tinyurl.com goo.gl t.co ow.ly is.gd buff.ly rebrand.ly cutt.ly tiny.cc shorturl.at rb.gy
        """,
    )
)

# The provinces that a Canadian postal code's first letter stands for (Canada Post).
POSTAL_LETTERS = {
    "A": ("NL",), "B": ("NS",), "C": ("PE",), "E": ("NB",), "G": ("QC",), "H": ("QC",), "J": ("QC",), "K": ("ON",),
    "L": ("ON",), "M": ("ON",), "N": ("ON",), "P": ("ON",), "R": ("MB",), "S": ("SK",), "T": ("AB",), "V": ("BC",),
    "X": ("NT", "NU"), "Y": ("YT",),
}  # fmt: skip
