"""States, provinces and what their addresses are called, by country.

US: the Postal Service's two-letter codes (Publication 28, appendix B), states, the District of Columbia and
territories. Canada: Canada Post's (Addressing guidelines). Reviewed 2026-11-25.
"""

from __future__ import annotations

_US = """
AL Alabama; AK Alaska; AS American Samoa; AZ Arizona; AR Arkansas; CA California; CO Colorado; CT Connecticut;
DE Delaware; DC District of Columbia; FL Florida; GA Georgia; GU Guam; HI Hawaii; ID Idaho; IL Illinois; IN Indiana;
IA Iowa; KS Kansas; KY Kentucky; LA Louisiana; ME Maine; MD Maryland; MA Massachusetts; MI Michigan; MN Minnesota;
MS Mississippi; MO Missouri; MT Montana; NE Nebraska; NV Nevada; NH New Hampshire; NJ New Jersey; NM New Mexico;
NY New York; NC North Carolina; ND North Dakota; MP Northern Mariana Islands; OH Ohio; OK Oklahoma; OR Oregon;
PA Pennsylvania; PR Puerto Rico; RI Rhode Island; SC South Carolina; SD South Dakota; TN Tennessee; TX Texas;
VI US Virgin Islands; UT Utah; VT Vermont; VA Virginia; WA Washington; WV West Virginia; WI Wisconsin; WY Wyoming
"""
_CA = """
AB Alberta; BC British Columbia; MB Manitoba; NB New Brunswick; NL Newfoundland and Labrador;
NT Northwest Territories; NS Nova Scotia; NU Nunavut; ON Ontario; PE Prince Edward Island; QC Quebec;
SK Saskatchewan; YT Yukon
"""


def _read(table: str) -> dict[str, str]:
    entries = (entry.split(maxsplit=1) for entry in table.split(";"))
    return {code: " ".join(name.split()) for code, name in entries}


# {"US": {"AL": "Alabama", ...}, "CA": {...}}
REGIONS = {"US": _read(_US), "CA": _read(_CA)}
COUNTRIES = {"US": "United States", "CA": "Canada"}

# What the same answer is called.
WORDS = {
    "US": {"registration_number": "EIN (tax ID)", "region": "State", "postal_code": "ZIP code"},
    "CA": {"registration_number": "Business Number (BN)", "region": "Province", "postal_code": "Postal code"},
}
