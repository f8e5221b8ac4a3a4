/* The Inbox: rows and messages find their places, panes follow the address, and what is open and visible is read. */
import { headers, refresh, shows } from "./live.js";
import { compose } from "./composer.js";
import { read as close } from "./push.js";

const $ = (q, root = document) => root.querySelector(q), $$ = (q, root = document) => [...root.querySelectorAll(q)];
const inbox = () => $("#inbox"), thread = () => $("#thread"), log = () => $(".thread-log"), list = () => $("#conversations");
const openId = () => thread()?.dataset.conversation ?? "";
const phone = matchMedia("(width < 45rem)");
const NEAR = 48;

/* ---- Panes. The address says which one: /inbox is the list, /inbox/<id> the thread. */
function show(pane) {
  inbox().dataset.pane = pane;
  const title = $("#thread-title");
  /* On a phone the thread is the page, so the client's name is its heading. */
  if (phone.matches) title?.setAttribute("aria-level", 1), title?.setAttribute("role", "heading");
  else title?.removeAttribute("role"), title?.removeAttribute("aria-level");
}
const paneOfAddress = () => (/^\/inbox\/./.test(location.pathname) ? "thread" : "list");
phone.addEventListener("change", () => show(inbox().dataset.pane));

document.addEventListener("click", (e) => {
  const go = e.target.closest("[data-go-pane]");
  if (!go) return;
  const pane = go.dataset.goPane;
  if (pane === "list") {
    /* Back to where the list was, without fetching it again. */
    e.preventDefault();
    const row = $(`#row-${CSS.escape(openId())}`);
    history.pushState({ htmx: true }, "", "/inbox" + $("#inbox").dataset.query);
    show("list");
    (row ?? $("#search")).focus();
  } else {
    const next = inbox().dataset.pane === pane ? "thread" : pane;
    show(next);
    (next === "client" ? $("#client-summary .back") : $$(".show-client, .phone-tools > button").find((b) => b.offsetParent))?.focus();
  }
});

/* Older messages come when somebody scrolls up to them. */
document.addEventListener("scroll", (e) => {
  if (e.target === log() && log().scrollTop < log().clientHeight / 2 && $("#earlier a")) htmx.trigger($("#earlier a"), "earlier");
}, true);

/* ---- Opening a conversation in place */
function opened({ focus = false } = {}) {
  for (const row of $$(".conversation[aria-current]")) row.removeAttribute("aria-current");
  for (const row of $$(`.conversation[data-client="${CSS.escape(openId())}"]`)) row.setAttribute("aria-current", "true");
  show(paneOfAddress());
  document.title = `${$("#thread-title")?.textContent ?? "Inbox"} · Parley`;
  const found = document.getElementById(thread()?.dataset.found ?? "");
  pinned = !found;
  resized.disconnect();
  if (log()) resized.observe(log());
  if (found) found.dataset.found = "", found.scrollIntoView({ block: "center" });
  else toEnd();
  compose($("#composer"), { sent });
  if (focus) (phone.matches ? $("#thread-title a") : $("#composer textarea"))?.focus({ preventScroll: true });
  read();
}

/* The row is marked at once: the eye should not wait for the answer. */
document.addEventListener("htmx:before:request", (e) => {
  const row = e.target.closest?.(".conversation");
  if (!row) return;
  for (const other of $$(".conversation[aria-current]")) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
});
document.addEventListener("htmx:after:swap", (e) => {
  const from = e.detail.ctx?.sourceElement;
  if (from?.matches?.(".conversation")) opened({ focus: true });
  else if (e.detail.ctx?.request?.headers?.["HX-History-Restore-Request"]) opened();
});

/* ---- Reading: said by the page that is open and seen, never by fetching it */
let told = "";
function read() {
  const open = thread();
  if (!open?.dataset.conversation || document.hidden || !Number(open.dataset.unread)) return;
  if (inbox().dataset.pane === "list" && phone.matches) return;
  const seen = $$("#messages > .message").at(-1)?.id.slice(2);
  if (!seen || told === seen) return;
  told = seen;
  const body = new URLSearchParams({ seen });
  fetch(`/inbox/${openId()}/read`, { method: "POST", body, headers: headers(), keepalive: true }).catch(() => (told = ""));
  close(openId()).catch(() => {});
}
addEventListener("visibilitychange", read);

/* ---- Where things go */
const atEnd = () => log().scrollHeight - log().scrollTop - log().clientHeight < NEAR;
function toEnd() {
  if (log()) log().scrollTop = log().scrollHeight;
}

/* As the server wrote it: without what htmx and we have added since. */
function bare(node) {
  const copy = node.cloneNode(true);
  for (const el of [copy, ...copy.querySelectorAll("*")]) {
    for (const name of ["data-htmx-powered", "data-new", "data-found"]) el.removeAttribute(name);
    el.classList.remove("htmx-added", "htmx-request");
  }
  return copy;
}

/** Put keyed elements among the children of `parent`, in the order of their keys; same ids are replaced. */
function merge(parent, elements, { descending = false, within = "[data-key]", page = false } = {}) {
  const after = (a, b) => (descending ? a < b : a > b);
  for (const el of elements) {
    const old = document.getElementById(el.id);
    if (old && bare(old).isEqualNode(el) && old.parentElement === parent) continue;
    /* Somebody has tapped it and the answer is under way: htmx drops an answer whose element is gone. */
    if (old?.classList.contains("htmx-request")) continue;
    if (old && old.dataset.key === el.dataset.key && old.parentElement === parent) {
      old.replaceWith(el);
    } else {
      old?.remove();
      const next = [...parent.children].find((c) => c.matches(within) && after(c.dataset.key, el.dataset.key));
      if (next) next.before(el);
      else if (descending) {
        /* Below the last row that is shown: it comes with the next page. */
        const more = $(":scope > [data-more]", parent);
        if (more && !page) continue;
        if (more) more.before(el); else parent.append(el);
      } else parent.append(el);
      if (!old && !page) el.dataset.new = "";
    }
    htmx.process(el);
  }
}

const swaps = {
  /* Messages and days. Whoever reads at the end stays there; whoever reads further up is not moved. */
  lines(target, fragment) {
    const ol = fragment.firstElementChild, end = atEnd(), id = $(".message", target)?.id;
    const top = () => document.getElementById(id)?.getBoundingClientRect().top ?? 0, before = top();
    merge(target, [...ol.children]);
    if (ol.dataset.since) target.dataset.since = ol.dataset.since;
    if (ol.dataset.unread) thread().dataset.unread = ol.dataset.unread;
    if (ol.dataset.since && end) toEnd();
    else log().scrollTop += top() - before;
    compose.arrived?.();
    queueMicrotask(read);
  },
  /* Rows of the list. */
  rows(target, fragment) {
    for (const gone of $$("[data-gone]", fragment)) $(`#row-${CSS.escape(gone.dataset.gone)}`)?.remove();
    for (const row of $$(".conversation", fragment)) {
      /* Another conversation may have been opened since these rows were asked for. */
      if (row.dataset.client === openId()) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
      const focused = document.activeElement?.id === row.id, part = $(`[data-part="${row.dataset.part}"].list-part`, target);
      if (part) merge(part, [row], { descending: true, within: ".conversation" });
      if (focused) $(`#${CSS.escape(row.id)}`)?.focus({ preventScroll: true });
    }
  },
};
swaps.more = (link, fragment) => {
  const part = link.parentElement, next = $("[data-more]", fragment);
  merge(part, $$(".conversation", fragment), { descending: true, within: ".conversation", page: true });
  if (next) { link.replaceWith(next); htmx.process(next); } else link.remove();
};
htmx.registerExtension("inbox", {
  handle_swap: (style, target, fragment) => {
    if (!swaps[style]) return false;
    swaps[style](target, fragment);
    return true;
  },
});

/* A composer that grows takes room from the thread: whoever was at its end stays there. */
let pinned = true;
document.addEventListener("scroll", (e) => { if (e.target === log()) pinned = atEnd(); }, true);
const resized = new ResizeObserver(() => { if (pinned) toEnd(); });

/* ---- What this page shows, for /live */
shows((params) => {
  if (!inbox()) return;
  if (!$("#search").value.trim()) {
    params.set("list", $("#filters [aria-current]")?.dataset.show ?? "open");
    params.set("rows", $$(".conversation", list()).length);
  }
  if (!openId()) return;
  params.set("thread", openId());
  params.set("since", $("#messages").dataset.since);
  params.set("oldest", $("#messages > .message")?.id.slice(2) ?? "");
  if (!document.hidden && (inbox().dataset.pane === "thread" || !phone.matches)) params.set("visible", openId());
});

/* ---- After our own actions: the same question as after a nudge */
document.addEventListener("htmx:after:request", (e) => {
  const form = e.detail.ctx?.sourceElement?.closest?.("[data-changes]");
  if (!form || !e.detail.ctx.response?.raw?.ok) return;
  if (form.hasAttribute("data-dismisses")) form.closest("[data-toast]")?.remove();
  const id = form.getAttribute("action").split("/")[2];
  refresh([id]).then(() => { if (form.closest(".message")) toEnd(); });
});
async function sent(id) {
  await refresh([id]);
  toEnd();
}

/* ---- Search: an empty field shows the list again, and the filters take their part */
const searching = () => list().toggleAttribute("data-searching", Boolean($("#search").value.trim()));
document.addEventListener("input", (e) => { if (e.target.id === "search") searching(); });
$("#search").form.addEventListener("submit", (e) => { e.preventDefault(); htmx.trigger($("#search"), "search"); });
document.addEventListener("htmx:config:request", (e) => {
  const { ctx } = e.detail;
  if (ctx.sourceElement?.id === "search" && openId()) ctx.request.action += (ctx.request.action.includes("?") ? "&" : "?") + "current=" + openId();
});

/* A failed message goes by email: its words come into the composer, which keeps them. */
document.addEventListener("click", (e) => {
  const link = e.target.closest("[data-by-email]");
  if (!link) return;
  const li = link.closest(".message");
  if (compose.byEmail?.($(".bubble", li).innerText, $(".record", li)?.lastChild.textContent ?? "")) e.preventDefault();
});

searching();
inbox().dataset.query = location.pathname === "/inbox" ? location.search : "";
opened();
