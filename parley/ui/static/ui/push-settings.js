/* Settings > Notifications: what this browser can do, and what it was allowed. */
import { headers } from "./live.js";
import { allow, forget, subscription, supported } from "./push.js";
import { say } from "./shell.js";

const line = document.getElementById("this-browser");
const part = (name) => line.querySelector(`[data-${name}]`);
const apple = /iPhone|iPad/.test(navigator.userAgent) || (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
const installed = matchMedia("(display-mode: standalone)").matches || navigator.standalone;

function show(words, { ask = false, test = false } = {}) {
  part("words").textContent = words;
  part("ask").hidden = !ask;
  part("try").hidden = !test;
}

async function dress() {
  if (!isSecureContext) return show("Notifications come only where Parley is opened with https.");
  if (apple && !installed) return show("On an iPhone or iPad, add Parley to the Home Screen first: tap Share, then Add to Home Screen. Open Parley from there, and come back to this page.");
  if (!supported) return show("This browser can’t be told anything while Parley is closed. A recent Chrome, Edge, Firefox or Safari can.");
  if (Notification.permission === "denied") return show("This browser blocks notifications from Parley. To undo that, press the icon beside the address, set Notifications to Allow, and load this page again.");
  const allowed = await subscription();
  const known = document.querySelector("[data-this-browser]");
  if (allowed && known) return show("Allowed. You’re told here also while Parley is closed.", { test: true });
  return show("Be told of new texts here, also while Parley is closed.", { ask: true });
}

part("ask").addEventListener("click", async () => {
  part("ask").disabled = true;
  try {
    await allow();
    if (await subscription()) return location.reload();
    await dress();
  } catch (problem) {
    show(problem.message, { ask: true });
  } finally {
    part("ask").disabled = false;
  }
});

part("try").addEventListener("click", async () => {
  const { endpoint } = await subscription();
  const answer = await fetch(line.dataset.test, { method: "POST", body: new URLSearchParams({ endpoint }), headers: headers() }).catch(() => null);
  if (answer?.ok) say("On its way", "It should be here in a few seconds.");
  else say("That didn’t work", "Check your connection and try again.");
});

document.addEventListener("submit", (e) => {
  if (e.target.matches("[data-this-browser]")) forget().catch(() => {});
});

dress();
