/* What changed elsewhere, without reloading and without asking again and again.

   The server says on /events that something changed; the page asks /live once for what it shows. Nudges that come
   while it asks are gathered into one next question. The browser allows six connections to a host, and a page's
   line takes one for as long as it is open: so the tabs of a browser share one line, held by whoever has the lock. */

const QUIET = 3_000, SLOWEST = 30_000, ME = Math.random().toString(36).slice(2);
const CHANNEL = "parley events";

/** What a fetch of ours must carry: htmx's mark, and the token that proves the page is Parley's. */
export const headers = () => ({ "HX-Request": "true", ...JSON.parse(document.body.getAttribute("hx-headers:inherited")) });

/* ---- Asking: `shown` of every listener adds what its part of the page shows */
const askers = [];
/** Register a function that adds to the question's parameters: `(params, wanted) => void`. */
export const shows = (asker) => askers.push(asker);

const wanted = { ids: new Set(), all: false, news: false };
let asking = null, failed = false, patience = 1_000;

async function ask() {
  const { ids, all, news } = wanted, params = new URLSearchParams();
  Object.assign(wanted, { ids: new Set(), all: false, news: false });
  if (!all) for (const id of ids) params.append("c", id);
  if (news || all) params.set("news", document.getElementById("now").value);
  for (const asker of askers) asker(params);
  let answer = null;
  const source = document.getElementById("now");
  const hear = (e) => (answer = e.detail.ctx?.response?.raw);
  source.addEventListener("htmx:after:request", hear, { once: true });
  await htmx.ajax("GET", `/live?${params}`, { source, target: source, swap: "none" });
  source.removeEventListener("htmx:after:request", hear);
  /* Signed out: the page itself leads to the door, and back here. What was being written is kept. */
  if (answer?.redirected) location.reload();
  failed = !answer?.ok;
  if (failed) {
    wanted.all = true;
    setTimeout(() => lost || refresh(), patience);
    patience = Math.min(2 * patience, SLOWEST);
  } else {
    patience = 1_000;
    document.dispatchEvent(new CustomEvent("parley:shown"));
  }
}

/** Ask for what changed: in these conversations, or (none) anywhere. Resolves when the page shows it. */
export function refresh(ids = [], { news = false } = {}) {
  want(ids, news);
  clearTimeout(later);
  later = 0;
  asking ??= (async () => {
    try {
      do await ask(); while (!failed && (wanted.all || wanted.ids.size));
    } finally { asking = null; }
  })();
  return asking;
}

function want(ids, news) {
  for (const id of ids) wanted.ids.add(id);
  wanted.all ||= ids.length === 0;
  wanted.news ||= news;
}

/* Many pages of one business heard of a change at once. Whoever looks at what changed asks at once, the others within
   `ms`, each at a moment of its own; what changes until then is asked for along with it. */
let later = 0;
function refreshAfter(wait, ids, news) {
  if (!wait) return refresh(ids, { news });
  want(ids, news);
  later ||= setTimeout(() => {
    later = 0;
    if (wanted.all || wanted.ids.size) refresh([...wanted.ids], wanted);
  }, wait);
}
function waitOf(ms, ids) {
  const params = new URLSearchParams();
  for (const asker of askers) asker(params);
  return ids.includes(params.get("visible")) ? 0 : Math.random() * ms;
}

/* ---- The line */
let lost = false, timer, source;
const tabs = globalThis.BroadcastChannel && new BroadcastChannel(CHANNEL);

function hear({ event, data, to }) {
  if (to && to !== ME) return;
  if (event === "lost") return sayLost();
  if (event === "here") return source?.readyState === EventSource.OPEN && tell({ event: "hello", to: data });
  clearTimeout(timer);
  lost = false;
  offline(false);
  document.body.setAttribute("data-connected", "");
  if (event === "change") {
    const { c, n, s } = JSON.parse(data), wait = s ? waitOf(s, c) : 0;
    const changed = () => document.dispatchEvent(new CustomEvent("parley:change", { detail: { conversations: c } }));
    refreshAfter(wait, c, n);
    if (wait) setTimeout(changed, wait); else changed();
  } else {
    /* A greeting or a resync: whatever came before it may have been missed. */
    refresh();
    document.dispatchEvent(new CustomEvent("parley:change", { detail: { conversations: [] } }));
  }
}
function tell(message) {
  tabs?.postMessage(message);
  if (!message.to) hear(message);
}
if (tabs) tabs.onmessage = (e) => hear(e.data);

function sayLost() {
  if (lost) return;
  lost = true;
  document.body.removeAttribute("data-connected");
  timer = setTimeout(() => offline(true), navigator.onLine ? QUIET : 0);
}
function offline(on) {
  document.getElementById("offline").hidden = !on;
  if (on !== document.body.hasAttribute("data-offline")) {
    document.body.toggleAttribute("data-offline", on);
    document.dispatchEvent(new CustomEvent(on ? "parley:offline" : "parley:online"));
  }
}

function connect(wait = 500) {
  source = new EventSource("/events");
  for (const event of ["hello", "change", "resync"]) source.addEventListener(event, (e) => {
    wait = 500;
    tell({ event, data: e.data });
  });
  source.onerror = () => {
    tell({ event: "lost" });
    /* The browser comes back by itself unless it was refused: by a proxy, or because we were signed out. */
    if (source.readyState !== EventSource.CLOSED) return;
    refresh();
    const jitter = 0.5 + Math.random();
    setTimeout(() => connect(Math.min(wait * 2, SLOWEST)), wait * jitter);
  };
}
addEventListener("online", () => { if (source && source.readyState !== EventSource.OPEN) { source.close(); connect(); } });
addEventListener("offline", () => tell({ event: "lost" }));

/* Not before all scripts of the page can say what it shows: what the first greeting asks for would else lack a part of
   it, and what had come since the page was made would not be shown. */
addEventListener("DOMContentLoaded", () => {
  if (navigator.locks && tabs) {
    navigator.locks.request(CHANNEL, () => new Promise(() => connect()));
    tabs.postMessage({ event: "here", data: ME });
  } else connect();
});

/* ---- The number of clients who wait, before the page's name */
const title = () => document.title.replace(/^\(\d+\+?\) /, "");
function count() {
  const n = document.querySelector("[data-waiting]")?.textContent.trim();
  const wanted = n ? `(${n}) ${title()}` : title();
  if (document.title !== wanted) document.title = wanted;
}
new MutationObserver(count).observe(document.querySelector("title"), { childList: true });
document.addEventListener("parley:shown", count);
count();

/* ---- Toasts of new texts: each is shown once in a tab, also after going to another page */
const KEPT = 50;
function fresh(id) {
  const seen = JSON.parse(sessionStorage.getItem("parley news") ?? "[]");
  if (seen.includes(id)) return false;
  sessionStorage.setItem("parley news", JSON.stringify([...seen, id].slice(-KEPT)));
  return true;
}
htmx.registerExtension("news", {
  handle_swap: (style, target, fragment) => {
    if (style !== "news") return false;
    const toasts = [...fragment.children].filter((t) => fresh(t.id));
    target.append(...toasts);
    return toasts.length ? toasts : true;
  },
});
