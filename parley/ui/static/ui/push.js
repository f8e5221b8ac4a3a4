/* The app on this device: its service worker, the subscription that pushes come by, and the count on its icon. */
import { headers } from "./live.js";

const { member, pushKey } = document.body.dataset;
/* Who allowed this browser to be told. Somebody else who signs in here has not. */
const ALLOWED = "parley push";

export const supported = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
const registered = "serviceWorker" in navigator ? navigator.serviceWorker.register("/sw.js").catch(() => null) : null;

const base64url = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

/** This browser's subscription, or null: also if it is another member's. */
export async function subscription() {
  if (!supported || localStorage.getItem(ALLOWED) !== member || Notification.permission !== "granted") return null;
  const registration = await registered;
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function subscribe() {
  const { pushManager } = await navigator.serviceWorker.ready, old = await pushManager.getSubscription();
  const key = old?.options?.applicationServerKey;
  /* Made for another key of ours, which push services do not let us use any more. */
  if (key && base64url(key) !== pushKey) await old.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(pushKey) });
}

async function bring(subscription, more = {}) {
  const { endpoint, keys } = subscription.toJSON(), body = new URLSearchParams({ endpoint, ...keys, ...more });
  return fetch("/settings/notifications/browsers", { method: "POST", body, headers: headers() });
}

/** After a press: ask the browser, subscribe, and tell the server. Throws with words for people. */
export async function allow() {
  if ((await Notification.requestPermission()) !== "granted") return;
  let answer;
  try {
    answer = await bring(await subscribe());
  } catch {
    throw new Error("This browser couldn’t reach its push service. Check your connection and try again.");
  }
  if (answer.status === 422) throw new Error((await answer.json()).words);
  if (answer.status !== 204) throw new Error("That didn’t work. Open this page again and try once more.");
  localStorage.setItem(ALLOWED, member);
}

/** Nothing is pushed here any more. */
export async function forget() {
  /* At once: whoever signs out leaves the page before an answer is there. */
  const old = subscription();
  localStorage.removeItem(ALLOWED);
  await (await old)?.unsubscribe();
}

/* Once a tab: the server hears that this browser is still there, and with which keys. */
async function stillHere() {
  const said = `${ALLOWED} ${member}`;
  if (sessionStorage.getItem(said) || !(await subscription())) return;
  const answer = await bring(await subscribe(), { again: "1" });
  if (answer.status === 410) return forget();
  if (answer.ok) sessionStorage.setItem(said, "yes");
}
stillHere().catch(() => {});

/* Whoever signs in next has not allowed anything. The server forgets this browser by itself. */
document.addEventListener("submit", (e) => {
  if (!e.target.matches("[action$='/sign-in/out']")) return;
  sessionStorage.removeItem(`${ALLOWED} ${member}`);
  forget().catch(() => {});
});

/** What was told of this conversation has been read: no device's screen need show it any more. */
export async function read(conversation) {
  for (const shown of (await (await registered)?.getNotifications({ tag: `text ${conversation}` })) ?? []) shown.close();
}

/* ---- The number of clients who wait, on the icon of the installed app */
function count() {
  const n = Number.parseInt(document.querySelector("[data-waiting]")?.textContent, 10) || 0;
  (n ? navigator.setAppBadge?.(n) : navigator.clearAppBadge?.())?.catch(() => {});
}
document.addEventListener("parley:shown", count);
count();
