"""How long from the carrier's webhook to the words on an open page? Prints one JSON line.

    python bench/live.py [--texts 200] [--a-second 5]

Starts the demo, opens a conversation in a real Chromium, and posts signed webhooks at uneven moments. The page itself
notes when each text's words stand in it; each must come exactly once.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
import urllib.request
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from demo import Demo, demo
from ground import machine

from parley.sandbox.account import ACCOUNT_SID, AUTH_TOKEN
from parley.sandbox.webhooks import signature

MAYA, OURS = "+15035550118", "+18555550142"

# Notes the moment at which each "bench 17 of ..." first stands in the thread.
WATCH = """() => {
  window.seen = {};
  const look = () => {
    for (const bubble of document.querySelectorAll('.message .bubble')) {
      const found = /^bench (\\d+) of/.exec(bubble.textContent.trim());
      if (found && !(found[1] in window.seen)) window.seen[found[1]] = Date.now();
    }
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--a-second", type=float, default=5.0)
    wish = parser.parse_args()
    with demo() as where:
        print(json.dumps(measure(where, wish)))


def measure(where: Demo, wish: argparse.Namespace) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    from tests.world import CHROMIUM

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(where.url)
        page.get_by_role("button", name="Open as the owner").click()
        page.locator("a.conversation", has_text="Maya Okafor").first.click()
        page.locator("section.thread h2", has_text="Maya Okafor").wait_for()
        page.evaluate(WATCH)
        chance = random.Random(7)
        sent: dict[str, float] = {}
        for n in range(wish.texts):
            sent[str(n)] = time.time() * 1000
            post(where, f"bench {n} of {wish.texts}")
            page.wait_for_timeout(chance.uniform(0.2, 1.8) * 1000 / wish.a_second)
        deadline = time.monotonic() + 20
        while len(seen := page.evaluate("() => window.seen")) < wish.texts:
            if time.monotonic() > deadline:
                raise SystemExit(f"only {len(seen)} of {wish.texts} came to the page")
            page.wait_for_timeout(50)
        twice = page.evaluate(
            """() => { const all = [...document.querySelectorAll('.message .bubble')].map(b => b.textContent.trim())
               .filter(t => t.startsWith('bench ')); return all.length - new Set(all).size; }"""
        )
        browser.close()
    waits = sorted(seen[n] - sent[n] for n in sent)
    return {
        "bench": "live",
        "texts": wish.texts,
        "shown_twice": twice,
        "p50_ms": round(statistics.median(waits)),
        "p95_ms": round(statistics.quantiles(waits, n=20)[18]),
        "max_ms": round(waits[-1]),
        "machine": machine(),
    }


def post(where: Demo, body: str) -> None:
    """One inbound text, signed as the carrier signs."""
    form = {
        "MessageSid": f"SM{uuid4().hex}",
        "AccountSid": ACCOUNT_SID,
        "From": MAYA,
        "To": OURS,
        "Body": body,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    url = f"{where.url}/hooks/twilio/text"
    request = urllib.request.Request(
        url,
        urlencode(form).encode(),
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature(AUTH_TOKEN, url, list(form.items())),
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        if answer.status != 200:
            raise SystemExit(f"the webhook was answered {answer.status}")


if __name__ == "__main__":
    main()
