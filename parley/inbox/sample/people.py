"""Who is who. All numbers are 555-01xx, which are kept for fiction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """A client of the sample business; `since` is months ago, `line` is what the network says of the number."""

    first: str
    last: str
    phone: str
    email: str = ""
    since: int = 6
    tags: list[str] = field(default_factory=list)
    note: str = ""
    line: str = "mobile"
    texting: str = "ok"


NUMBER = "+18555550142"
BUSINESS = "Juniper Hair Studio"

# The numbers that all businesses share: where texts leave from until a business has its own, and campaigns.
SYSTEM = ("+18885550150", "+18885550151", "+18885550152", "+18885550153")
MARKETING = ("+18445550160",)
# Segments a second. Campaigns leave slowly, so that there is something to look at.
PACES = {"system": 3.0, "marketing": 0.25}

# What Juniper once told the carriers.
JUNIPER_REGISTERED: dict[str, Any] = {
    "legal_name": "Juniper Hair Studio LLC",
    "business_type": "llc",
    "registration_number": "84-3190000",
    "website": "https://juniperhair.example",
    "street": "1418 SE Alder Street",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97214",
    "contact_first_name": "Nora",
    "contact_last_name": "Kim",
    "contact_role": "Owner",
    "contact_email": "nora@juniperhair.example",
    "contact_phone": "(503) 555-0190",
    "uses": ["appointments", "conversations", "payments"],
    "volume": 10_000,
    "sample": "Hi Maya, you’re booked with Jules on Thu, Nov 20 at 2:30 PM. Reply STOP to stop texts. "
    "Juniper Hair Studio",
    "opt_in": "web_form",
    "agreed": True,
}

# What Juniper's clients ticked on its booking form.
OFFERS = (
    "Yes, text me offers and news from {business}, up to four a month. Consent is not a condition of booking. "
    "Message and data rates may apply. Reply STOP to stop."
)

# A second business, which has not begun to text. One of its clients is Juniper's too: two businesses that text the
# same person do so from different numbers.
HARBOUR = "Harbour Physio"
HARBOUR_OWNER = "Amelia Tremblay"

# Those whom the pictures of the design know, and whose stories are told word for word in `stories`.
KNOWN = [
    Person(
        "Maya",
        "Okafor",
        "+15035550118",
        "maya@okafor.example",
        44,
        ["Balayage", "New mom"],
        "Prefers texts over calls. Sensitive scalp, use the mild toner.",
    ),
    Person("Daniel", "Reyes", "+15035550131", "daniel.reyes@reyes.example", 14, ["Beard trim"]),
    Person("", "", "+15035550175", since=0),
    Person("Priya", "Raman", "+15035550164", "priya@raman.example", 20, ["Color"], "Allergic to lavender."),
    Person(
        "Luis",
        "Ortega",
        "+15035550122",
        "luis@ortegaweddings.example",
        2,
        ["Wedding"],
        "Party of six on June 14.",
    ),
    Person("Grace", "Beaumont", "+15035550107", "grace.beaumont@beaumont.example", 31, ["Cut"]),
    Person(
        "Theo", "Lindqvist", "+15035550149", "theo@lindqvist.example", 9, line="landline", texting="cannot"
    ),
    Person("Hannah", "Levy", "+15035550136", "hannah@levy.example", 17, ["Cut", "Kids"]),
    Person("Owen", "Clarke", "+15035550153", "owen.clarke@clarke.example", 26),
    Person("Aisha", "Farah", "+15035550112", "aisha@farah.example", 12, texting="stopped"),
]

# The rest: area codes of every US time zone, for Portland people keep their numbers when they move there.
MANY = [
    Person("Ben", "Whitaker", "+15035550101", "ben@whitaker.example", 40),
    Person("Chloe", "Tran", "+15035550102", "chloe.tran@tran.example", 5, ["Color"]),
    Person("Marcus", "Hill", "+15035550103", "marcus@hill.example", 22, ["Fade"]),
    Person("Sofia", "Marchetti", "+15035550104", "sofia@marchetti.example", 11, ["Balayage"]),
    Person("Jonah", "Weiss", "+15035550105", "", 3),
    Person("Leila", "Haddad", "+15035550106", "leila@haddad.example", 28, ["Keratin"]),
    Person("Tom", "Nakamura", "+15035550108", "tom@nakamura.example", 15),
    Person(
        "Ruth",
        "Abernathy",
        "+15035550109",
        "ruth.abernathy@abernathy.example",
        60,
        ["Set and style"],
        "Hard of hearing: text, don’t call.",
    ),
    Person("Camila", "Duarte", "+15035550110", "camila@duarte.example", 7, ["Curls"]),
    Person("Eli", "Sorensen", "+15035550111", "eli@sorensen.example", 1),
    Person("Naomi", "Price", "+15035550113", "naomi@price.example", 19, ["Locs"]),
    Person("Victor", "Petrov", "+15035550114", "", 8),
    Person("Hazel", "Quinn", "+15035550115", "hazel@quinn.example", 33, ["Color"]),
    Person("Andre", "Baptiste", "+15035550116", "andre@baptiste.example", 13, ["Fade"]),
    Person("Mei", "Chen", "+15035550117", "mei.chen@chen.example", 24),
    Person("Oscar", "Lund", "+15035550119", "oscar@lund.example", 4),
    Person("Fatima", "Rahimi", "+15035550120", "fatima@rahimi.example", 10, ["Bridal"]),
    Person("Jack", "Delaney", "+15035550121", "", 2),
    Person("Ivy", "Castellanos", "+14155550123", "ivy@castellanos.example", 16),
    Person("Samuel", "Okoro", "+14155550124", "samuel@okoro.example", 6),
    Person("Beatrice", "Vaughn", "+12065550125", "beatrice@vaughn.example", 37, ["Gray blending"]),
    Person("Noah", "Kessler", "+12065550126", "noah@kessler.example", 3),
    Person("Zoe", "Papadakis", "+13035550127", "zoe@papadakis.example", 9, ["Bangs"]),
    Person("Will", "Ferris", "+16025550128", "will@ferris.example", 12),
    Person("Amara", "Nwosu", "+13125550129", "amara@nwosu.example", 21, ["Braids"]),
    Person("Peter", "Lindgren", "+15125550130", "peter@lindgren.example", 5),
    Person("Diana", "Rosales", "+12125550132", "diana@rosales.example", 18, ["Color"]),
    Person("Hugo", "Bennett", "+16175550133", "hugo@bennett.example", 2),
    Person("Kiana", "Kealoha", "+18085550134", "kiana@kealoha.example", 29),
    Person("Russell", "Ames", "+19075550135", "russell@ames.example", 14),
]

OF_HARBOUR = [
    Person("Maya", "Okafor", "+15035550118", "maya@okafor.example", 3),
    Person("Étienne", "Gagnon", "+15145550140", "etienne@gagnon.example", 18, ["Knee"]),
    Person("Sarah", "MacDonald", "+14165550141", "sarah@macdonald.example", 7, ["Back"]),
    Person("Ravi", "Sandhu", "+16045550143", "ravi@sandhu.example", 2),
    Person("Claire", "Bouchard", "+15145550144", "claire@bouchard.example", 26, ["Shoulder"]),
]
