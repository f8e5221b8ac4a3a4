"""How the tests start Chromium."""

import re
from pathlib import Path

import playwright

from tests.world import CHROMIUM, PLAYWRIGHTS


def test_what_playwright_turns_off_stays_off() -> None:
    """Of two lists Chromium obeys the last, which is ours: another Playwright may turn off more."""
    driver = Path(playwright.__file__).parent / "driver" / "package" / "lib" / "coreBundle.js"
    (named,) = re.findall(r"\bdisabledFeatures = \[(.*?)\]", driver.read_text(), re.DOTALL)
    assert re.findall(r'^\s*"(\w+)"', named, re.MULTILINE) == PLAYWRIGHTS
    assert len([flag for flag in CHROMIUM if flag.startswith("--disable-features=")]) == 1
