"""The states, provinces and territories: their clocks, area codes and postal codes.

Facts that an authority may change, all reviewed 2026-11-25. Zones: 49 CFR 71 and the provinces' own laws, by
the names of IANA's tz database (2026f); one name for all places whose clocks have agreed since 2020. Places
that keep their neighbours' time without a law are counted (Phenix City, Kenton, Lloydminster). Area codes:
NANPA and the Canadian Numbering Administrator, as phonenumbers 9.0.43 describes them, and twelve overlays
that NANPA has assigned since (357 436 457 465 471 621 624 679 729 837 861 924). Postal codes: USPS
Publication 65 by the first three digits, Canada Post by the first letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_ZONES = {
    "A": "America/Anchorage",
    "AD": "America/Adak",
    "AT": "America/Atikokan",
    "BS": "America/Blanc-Sablon",
    "C": "America/Chicago",
    "E": "America/New_York",
    "ED": "America/Edmonton",
    "FN": "America/Fort_Nelson",
    "GB": "America/Goose_Bay",
    "GU": "Pacific/Guam",
    "HI": "Pacific/Honolulu",
    "HX": "America/Halifax",
    "M": "America/Denver",
    "MP": "Pacific/Saipan",
    "P": "America/Los_Angeles",
    "PP": "Pacific/Pago_Pago",
    "PR": "America/Puerto_Rico",
    "PX": "America/Phoenix",
    "RE": "America/Regina",
    "SJ": "America/St_Johns",
    "TH": "America/St_Thomas",
    "TO": "America/Toronto",
    "VA": "America/Vancouver",
    "WH": "America/Whitehorse",
    "WI": "America/Winnipeg",
}

# Region | name | zones | area codes. Two regions may share area codes (Nova Scotia and Prince Edward Island).
_US = """
AL | Alabama | C E | 205 251 256 334 659 938
AK | Alaska | A AD | 907
AZ | Arizona | PX M | 480 520 602 623 928
AR | Arkansas | C | 327 479 501 870
CA | California | P | 209 213 279 310 323 341 350 357 369 408 415 424 442 510 530 559 562 619 626 628 650 657 661
CA | California | P | 669 707 714 738 747 760 805 818 820 831 837 840 858 909 916 925 949 951
CO | Colorado | M | 303 719 720 748 970 983
CT | Connecticut | E | 203 475 860 959
DE | Delaware | E | 302
DC | Washington, D.C. | E | 202 771
FL | Florida | E C | 239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954
GA | Georgia | E | 229 404 470 478 678 706 762 770 912 943
HI | Hawaii | HI | 808
ID | Idaho | M P | 208 986
IL | Illinois | C | 217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872
IN | Indiana | E C | 219 260 317 463 574 765 812 930
IA | Iowa | C | 319 515 563 641 712
KS | Kansas | C M | 316 620 785 913
KY | Kentucky | E C | 270 364 502 606 859
LA | Louisiana | C | 225 318 337 457 504 985
ME | Maine | E | 207
MD | Maryland | E | 227 240 301 410 443 667
MA | Massachusetts | E | 339 351 413 508 617 774 781 857 978
MI | Michigan | E C | 231 248 269 313 517 586 616 679 734 810 906 947 989
MN | Minnesota | C | 218 320 507 612 651 763 924 952
MS | Mississippi | C | 228 471 601 662 769
MO | Missouri | C | 235 314 417 557 573 636 660 816 975
MT | Montana | M | 406
NE | Nebraska | C M | 308 402 531
NV | Nevada | P M | 702 725 775
NH | New Hampshire | E | 603
NJ | New Jersey | E | 201 551 609 640 732 848 856 862 908 973
NM | New Mexico | M | 505 575
NY | New York | E | 212 315 329 332 347 363 465 516 518 585 607 624 631 646 680 716 718 838 845 914 917 929 934
NC | North Carolina | E | 252 336 472 704 743 828 910 919 980 984
ND | North Dakota | C M | 701
OH | Ohio | E | 216 220 234 283 326 330 380 419 436 440 513 567 614 740 937
OK | Oklahoma | C M | 405 539 572 580 918
OR | Oregon | P M | 458 503 541 971
PA | Pennsylvania | E | 215 223 267 272 412 445 484 570 582 610 717 724 814 835 878
RI | Rhode Island | E | 401
SC | South Carolina | E | 803 821 839 843 854 864
SD | South Dakota | C M | 605
TN | Tennessee | E C | 423 615 629 731 729 865 901 931
TX | Texas | C M | 210 214 254 281 325 346 361 409 430 432 469 512 621 682 713 726 737 806 817 830 832 903
TX | Texas | C M | 915 936 940 945 956 972 979
UT | Utah | M | 385 435 801
VT | Vermont | E | 802
VA | Virginia | E | 276 434 540 571 686 703 757 804 826 948
WA | Washington | P | 206 253 360 425 509 564
WV | West Virginia | E | 304 681
WI | Wisconsin | C | 262 274 353 414 534 608 715 920
WY | Wyoming | M | 307
PR | Puerto Rico | PR | 787 939
VI | the US Virgin Islands | TH | 340
GU | Guam | GU | 671
MP | the Northern Mariana Islands | MP | 670
AS | American Samoa | PP | 684
"""
_CANADA = """
AB | Alberta | ED | 368 403 587 780 825
BC | British Columbia | VA ED FN | 236 250 257 604 672 778
MB | Manitoba | WI | 204 431 584
NB | New Brunswick | HX | 428 506
NL | Newfoundland and Labrador | SJ GB | 709 879
NS | Nova Scotia | HX | 782 902
NT | the Northwest Territories | ED | 867
NU | Nunavut | TO WI ED AT | 867
ON | Ontario | TO WI AT | 226 249 289 343 365 382 416 437 519 548 613 647 683 705 742 753 807 905 942
PE | Prince Edward Island | HX | 782 902
QC | Quebec | TO HX BS | 263 273 354 367 418 438 450 468 514 579 581 819 873
SK | Saskatchewan | RE ED WI | 306 474 639
YT | Yukon | WH | 867
"""

# Area codes that more than one clock may belong to, though libphonenumber knows one, or the wrong one (689).
# The overlays of British Columbia, Quebec's 367 and 581 and Saskatchewan's 474 and 639 cover what the old
# codes cover. Reviewed 2026-11-25.
_SPLIT = """
208 986: M P; 219 574 812 930: E C; 236 250 257 672 778: VA ED FN; 270 364 606: E C; 306 474 639: RE ED WI;
308: C M; 334: C E; 367 418 581: TO HX BS; 423 729: E C; 432: C M; 448 850: C E; 458 541: P M; 580: C M;
605 701: C M; 620 785: C M; 689: E; 709 879: SJ GB; 775: P M; 807: TO WI AT; 867: WH ED WI TO AT; 906: E C;
907: A AD; 928: PX M
"""

# First three digits of a ZIP code, or all five. Military post (090-098, 340, 962-966) may be anywhere and is left out.
_ZIP = """
005: NY; 006-007: PR; 008: VI; 009: PR; 010-027: MA; 028-029: RI; 030-038: NH; 039-049: ME; 050-054: VT;
055: MA; 056-059: VT; 060-069: CT; 070-089: NJ; 100-149: NY; 150-196: PA; 197-199: DE; 200: DC; 201: VA;
202-205: DC; 206-219: MD; 220-246: VA; 247-268: WV; 270-289: NC; 290-299: SC; 300-319: GA; 320-339: FL;
341-349: FL; 350-369: AL; 370-385: TN; 386-397: MS; 398-399: GA; 400-427: KY; 430-459: OH; 460-479: IN;
480-499: MI; 500-528: IA; 530-549: WI; 550-567: MN; 569: DC; 570-577: SD; 580-588: ND; 590-599: MT;
600-629: IL; 630-658: MO; 660-679: KS; 680-693: NE; 700-714: LA; 716-729: AR; 730-732: OK; 733: TX;
734-749: OK; 750-799: TX; 800-816: CO; 820-831: WY; 832-838: ID; 840-847: UT; 850-865: AZ; 870-884: NM;
885: TX; 889-898: NV; 900-961: CA; 967-968: HI; 96799: AS; 969: GU MP; 970-979: OR; 980-994: WA; 995-999: AK
"""
_LETTERS = """
A: NL; B: NS; C: PE; E: NB; G H J: QC; K L M N P: ON; R: MB; S: SK; T: AB; V: BC; X: NT NU; Y: YT
"""


@dataclass(frozen=True, slots=True)
class Region:
    """A state, province or territory. `zones`: every clock that is kept in it."""

    code: str
    name: str
    country: Literal["US", "CA"]
    zones: frozenset[str]


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in row.split("|")] for row in table.strip().splitlines()]


def _entries(table: str) -> list[tuple[list[str], str]]:
    """`[(["208", "986"], "M P"), ...]`: what stands before and behind each colon."""
    entries = (entry.partition(":") for entry in table.replace("\n", " ").split(";"))
    return [(keys.split(), values.strip()) for keys, _, values in entries]


def _named(zones: str) -> frozenset[str]:
    return frozenset(_ZONES[zone] for zone in zones.split())


def _regions() -> dict[str, Region]:
    told: dict[str, Region] = {}
    for code, name, zones, _ in _rows(_US):
        told[code] = Region(code, name, "US", _named(zones))
    for code, name, zones, _ in _rows(_CANADA):
        told[code] = Region(code, name, "CA", _named(zones))
    return told


def _areas() -> dict[str, frozenset[str]]:
    told: dict[str, frozenset[str]] = {}
    for code, _, _, areas in _rows(_US) + _rows(_CANADA):
        for area in areas.split():
            told[area] = told.get(area, frozenset()) | {code}
    return told


def _zip() -> dict[str, frozenset[str]]:
    told: dict[str, frozenset[str]] = {}
    for prefixes, codes in _entries(_ZIP):
        for prefix in prefixes:
            first, _, last = prefix.partition("-")
            for number in range(int(first), int(last or first) + 1):
                told[f"{number:03}"] = frozenset(codes.split())
    return told


REGIONS = _regions()
AREAS = _areas()  # area code -> codes of regions
SPLIT = {area: _named(zones) for areas, zones in _entries(_SPLIT) for area in areas}
_BY_NAME = {region.name.removeprefix("the ").casefold(): region.code for region in REGIONS.values()}
_BY_ZIP = _zip()
_BY_LETTER = {letter: frozenset(codes.split()) for letters, codes in _entries(_LETTERS) for letter in letters}


def by_name(text: str) -> frozenset[str]:
    """The state or province that `text` names by its two letters or its English name; empty if none."""
    text = text.strip()
    code = text.upper() if text.upper() in REGIONS else _BY_NAME.get(text.casefold())
    return frozenset({code}) if code else frozenset()


def by_postal_code(text: str) -> frozenset[str]:
    """The states or provinces where a ZIP code or a Canadian postal code may be; empty if it is neither."""
    text = re.sub(r"\s", "", text).upper()
    if re.fullmatch(r"[0-9]{5}(?:-?[0-9]{4})?", text):
        return _BY_ZIP.get(text[:5]) or _BY_ZIP.get(text[:3], frozenset())
    if re.fullmatch(r"[A-Z][0-9][A-Z](?:-?[0-9][A-Z][0-9])?", text):
        return _BY_LETTER.get(text[0], frozenset())
    return frozenset()
