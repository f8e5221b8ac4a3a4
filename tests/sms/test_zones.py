"""Where a person may be: zones and states, told from a zone, an address, or a number."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

import phonenumbers
import pytest
from phonenumbers.geodata import GEOCODE_DATA

from parley.sms import numbers, places, regions
from parley.sms.zones import Place, clocks, regions_of, zones_of

# The most populous city or the capital of each, one ZIP or postal code. Reviewed 2026-11-25.
POSTAL_CODES = """
AL 35203; AK 99501; AZ 85004; AR 72201; CA 90012; CO 80202; CT 06604; DE 19801; DC 20001; FL 32202; GA 30303; HI 96813;
ID 83702; IL 60602; IN 46204; IA 50309; KS 67202; KY 40202; LA 70112; ME 04101; MD 21202; MA 02108; MI 48226; MN 55415;
MS 39201; MO 64106; MT 59101; NE 68102; NV 89101; NH 03101; NJ 07102; NM 87102; NY 10007; NC 28202; ND 58102; OH 43215;
OK 73102; OR 97204; PA 19107; RI 02903; SC 29401; SD 57104; TN 37201; TX 77002; UT 84111; VT 05401; VA 23219; WA 98104;
WV 25301; WI 53202; WY 82001; PR 00901; VI 00802; AS 96799; AB T2P2M5; BC V5K0A1; MB R3C4A5; NB E1C4Z3; NL A1C5M2;
NS B3H0A1; ON M5V3L9; PE C1A7N8; QC H2Y1C6; SK S7K0J5; YT Y1A2C6
"""


def test_a_postal_code_tells_the_state() -> None:
    wrong = {}
    for entry in POSTAL_CODES.replace("\n", " ").split(";"):
        code, postal = entry.split()
        if regions.by_postal_code(postal) != {code}:
            wrong[postal] = (code, regions.by_postal_code(postal))
    assert not wrong
    for written, codes in (
        ("k1a 0b1", "ON"),
        ("K1A", "ON"),
        (" 97204-1234 ", "OR"),
        ("X0A 0H0", "NT NU"),
        ("96910", "GU MP"),
        ("09012", ""),
        ("34002", ""),
        ("00000", ""),
        ("9720", ""),
        ("D1A 0B1", ""),
        ("SW1A 1AA", ""),
        ("٩٧٢٠٤", ""),
        ("", ""),
    ):
        assert regions.by_postal_code(written) == set(codes.split()), written


def test_every_state_has_a_postal_code_and_an_area_code() -> None:
    told = {code for n in range(1000) for code in regions.by_postal_code(f"{n:03}99")}
    told |= {
        code for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for code in regions.by_postal_code(f"{letter}1A")
    }
    assert told == set(regions.REGIONS)
    assert {code for codes in regions.AREAS.values() for code in codes} == set(regions.REGIONS)
    assert sum(region.country == "US" for region in regions.REGIONS.values()) == 50 + 1 + 5
    assert sum(region.country == "CA" for region in regions.REGIONS.values()) == 13


def test_a_state_is_told_by_its_letters_or_its_name() -> None:
    for written, code in (
        ("OR", "OR"),
        (" or ", "OR"),
        ("Oregon", "OR"),
        ("new york", "NY"),
        ("Northwest Territories", "NT"),
        ("Quebec", "QC"),
        ("Bavaria", ""),
        ("", ""),
    ):
        assert regions.by_name(written) == set(code.split()), written


def test_the_area_codes_agree_with_libphonenumber() -> None:
    names = {region.name: code for code, region in regions.REGIONS.items()}
    names |= {"Washington State": "WA", "Washington D.C.": "DC", "Northern Mariana Islands": "MP"}
    wrong = {}
    for prefix, words in GEOCODE_DATA.items():
        if prefix[0] != "1" or prefix[1:4] not in regions.AREAS:
            continue
        told = words["en"].rpartition(", ")[2]
        code = told if told in regions.REGIONS else names.get(told)
        if code and code not in regions.AREAS[prefix[1:4]]:
            wrong[prefix] = code
    assert wrong == {"1201631": "NY"}  # one exchange of New Jersey, which the library has in New York
    canadian = {a for a, codes in regions.AREAS.items() if regions.REGIONS[min(codes)].country == "CA"}
    assert canadian == places.CANADA - {"600", "622", "633"}
    for area in map(str, range(200, 1000)):
        example = phonenumbers.PhoneNumber(1, int(f"{area}2345678"))
        if phonenumbers.is_valid_number(example) and area not in places.CANADA:
            ours = area in regions.AREAS
            assert ours is (numbers.country(f"+1{area}5550118") is not None), area


def offsets(zone: str) -> tuple[object, ...]:
    return tuple(
        datetime(year, month, 15, tzinfo=UTC).astimezone(clock).utcoffset()
        for year in (2026, 2027)
        for month in (1, 7)
        for clock in clocks(zone)
    )


def test_zones_of_an_area_code() -> None:
    for area, expected in {
        "503": "America/Los_Angeles",
        "541": "America/Denver America/Los_Angeles",
        "219": "America/Chicago America/New_York",
        "208": "America/Boise America/Denver America/Los_Angeles",
        "807": "America/Atikokan America/Toronto America/Winnipeg",
        "709": "America/Goose_Bay America/Halifax America/St_Johns",
        "250": "America/Edmonton America/Fort_Nelson America/Vancouver",
        "907": "America/Adak America/Anchorage America/Juneau Pacific/Honolulu",
        "306": "America/Edmonton America/Regina America/Winnipeg",
        "689": "America/Chicago America/New_York",
        "436": "America/New_York",
        "787": "America/Puerto_Rico",
        "340": "America/St_Thomas",
        "684": "Pacific/Pago_Pago",
    }.items():
        assert numbers.zones(f"+1{area}5550118") == set(expected.split()), area
    assert len(numbers.zones("+18675550118")) >= 5
    assert numbers.zones("+442079460018") == {"Europe/London"}
    assert numbers.zones("72645") == frozenset()


def test_no_clock_that_a_state_keeps_is_missing_from_its_area_codes() -> None:
    for code, region in regions.REGIONS.items():
        kept = {offsets(zone) for zone in region.zones}
        areas = [area for area, codes in regions.AREAS.items() if code in codes]
        told = {offsets(zone) for area in areas for zone in numbers.zones(f"+1{area}5550118")}
        assert kept <= told, code


def test_a_placeless_number_may_be_anywhere_that_parley_texts() -> None:
    everywhere = set().union(*(region.zones for region in regions.REGIONS.values()))
    assert numbers.zones("+18005550118") == everywhere
    canada = set().union(*(r.zones for r in regions.REGIONS.values() if r.country == "CA"))
    assert numbers.zones("+16005550118") == canada
    assert zones_of(Place("nonsense")) == (everywhere, "number")


@pytest.mark.parametrize(
    ("place", "zones", "basis", "codes"),
    [
        (Place("+15035550118"), "America/Los_Angeles", "number", "OR"),
        (Place("+15035550118", zone="America/Chicago"), "America/Chicago", "zone", "OR"),
        (Place("+15035550118", zone="US/Eastern"), "US/Eastern", "zone", "OR"),
        (Place("+15035550118", zone="Mars/Base"), "America/Los_Angeles", "number", "OR"),
        (Place("+15035550118", zone="../../etc/passwd"), "America/Los_Angeles", "number", "OR"),
        (Place("+15035550118", zone="America"), "America/Los_Angeles", "number", "OR"),
        (Place("+15035550118", region="NY"), "America/New_York", "place", "NY"),
        (Place("+15035550118", region="Bavaria"), "America/Los_Angeles", "number", "OR"),
        (Place("+15035550118", postal_code="10001"), "America/New_York", "place", "NY"),
        (
            Place("+15035550118", region="NY", postal_code="60602"),
            "America/New_York America/Chicago",
            "place",
            "NY IL",
        ),
        (
            Place("+15035550118", region="TX", zone="America/Denver", postal_code="79901"),
            "America/Denver",
            "zone",
            "TX",
        ),
        (Place("+19025550118"), "America/Halifax", "number", "NS PE"),
    ],
)
def test_zones_and_states_of_a_place(place: Place, zones: str, basis: str, codes: str) -> None:
    assert zones_of(place) == (set(zones.split()), basis)
    assert regions_of(place) == set(codes.split())


def test_a_country_without_a_state_is_all_of_its_states() -> None:
    canada = {code for code, region in regions.REGIONS.items() if region.country == "CA"}
    assert regions_of(Place("+16005550118")) == canada
    assert regions_of(Place("+15035550118", country="CA")) == canada | {"OR"}
    assert regions_of(Place("+15035550118", country="US")) == {"OR"}
    assert regions_of(Place("+18005550118")) == frozenset()


def test_every_zone_has_parleys_own_clock_and_the_machines() -> None:
    for region in regions.REGIONS.values():
        for zone in region.zones:
            assert len(clocks(zone)) == 2, zone
    with pytest.raises(KeyError):
        clocks("Mars/Base")
    # British Columbia set its clocks forward for good in 2026 (tz database 2026a), which older data lacks.
    own = clocks("America/Vancouver")[1]
    assert datetime(2027, 1, 15, 20, tzinfo=UTC).astimezone(own).hour == 13
    assert set(zoneinfo.available_timezones()) >= {zone for r in regions.REGIONS.values() for zone in r.zones}
