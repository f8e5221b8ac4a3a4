"""A real Chromium for the tests that walk through Parley as a person does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.test import Client as Session
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from parley.businesses.models import User
from tests.waiting import SECONDS
from tests.world import CHROMIUM, World

DESK, PHONE = (1440, 900), (390, 844)
# Each size and each theme once: the colours do not depend on the size.
LOOKS = [("desk", "light"), ("phone", "dark")]
AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
FIND_ISSUES = """async (options) => {
    const { violations } = await axe.run(options);
    return violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
}"""

# Before a page's scripts a link leads away instead of opening its dialog, and a key does nothing.
LOADED = "addEventListener('load', () => document.documentElement.setAttribute('data-loaded', ''))"

Visit = Callable[..., Page]

# It waits for the thing itself; the end is far off because two other workers may be using the two cores.
expect.set_options(timeout=1000 * SECONDS)


@pytest.fixture(scope="module")
def chromium(django_db_setup: None) -> Iterator[Browser]:
    """One browser for a module's tests; the next module may have a loop of its own."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in this thread, which Django takes for an asynchronous view.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


def patient(page: Page) -> Page:
    """Let whatever is done to the page, or expected of it, wait for its scripts: also after it has led to another."""
    page.add_init_script(LOADED)
    page.add_locator_handler(
        page.locator("html:not([data-loaded])"), lambda: page.wait_for_load_state("load")
    )
    return page


@pytest.fixture
def visit(chromium: Browser, web: World) -> Iterator[Visit]:
    """`visit("/clients", juniper.owner.user, size="phone", theme="dark")`: a page, signed in if a user is given.

    A script that failed, or something the policy forbade, fails the test. `early` is for what people do before the
    scripts are there: nothing waits for them.
    """
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def open_page(
        address: str,
        user: User | None = None,
        *,
        size: str = "desk",
        theme: str = "light",
        early: bool = False,
        **more: Any,
    ) -> Page:
        width, height = PHONE if size == "phone" else DESK
        touch = {"has_touch": True, "is_mobile": True} if size == "phone" else {}
        context = chromium.new_context(
            base_url=web.url,
            viewport={"width": width, "height": height},
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            **touch,
            **more,
        )
        contexts.append(context)
        context.set_default_timeout(1000 * SECONDS)
        if user:
            session = Session()
            session.force_login(user)
            key = session.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": web.url}])
        page = context.new_page()
        if not early and more.get("java_script_enabled", True):
            patient(page)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: "Content Security Policy" in said.text and troubles.append(said.text))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def assert_accessible(page: Page) -> None:
    """No issue of WCAG 2.2 AA that axe can find."""
    # What has no styles yet has other colours.
    page.wait_for_load_state("load")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    issues = page.evaluate(FIND_ISSUES, AA)
    assert issues == [], issues


def quick_actions(page: Page, action: str) -> None:
    # Until the styles are there, the phone's button is visible on a desk too.
    page.wait_for_load_state("load")
    page.locator("[data-opens='#quick-actions']:visible").click()
    page.get_by_role("menuitem", name=action).click()
