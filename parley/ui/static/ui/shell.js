/* What every page has: menus, toasts, and a calm word when a request was lost. */

/* ---- Menus: a button with data-opens="#menu" opens a role=menu */
const openers = (menu) => [...document.querySelectorAll(`[data-opens="#${menu.id}"]`)];
const items = (menu) => [...menu.querySelectorAll("[role^=menuitem]")].filter((i) => i.offsetParent);

export function closeMenu(menu, { focus = false } = {}) {
  menu.hidden = true;
  const buttons = openers(menu);
  for (const b of buttons) b.setAttribute("aria-expanded", "false");
  if (focus) buttons.find((b) => b.offsetParent)?.focus();
}

function openMenu(button, menu) {
  menu.hidden = false;
  button.setAttribute("aria-expanded", "true");
  items(menu)[0]?.focus();
}

const opened = () => document.querySelector("[role=menu]:not([hidden])");

document.addEventListener("click", (e) => {
  const opener = e.target.closest("[data-opens]"), menu = opened();
  if (menu && !menu.contains(e.target)) closeMenu(menu);
  if (!opener) return;
  const wanted = document.querySelector(opener.dataset.opens);
  if (wanted !== menu) openMenu(opener, wanted);
});

document.addEventListener("keydown", (e) => {
  const menu = opened();
  if (!menu || e.altKey || e.ctrlKey || e.metaKey) return;
  const all = items(menu), at = all.indexOf(document.activeElement);
  const go = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[e.key];
  if (go !== undefined) all.at(go % all.length)?.focus();
  else if (e.key === "Escape") closeMenu(menu, { focus: true });
  else if (e.key === "Tab") return closeMenu(menu);
  else {
    /* The letter in an item's <kbd> picks it, while its menu is open only. */
    const named = all.find((i) => i.querySelector("kbd")?.textContent.toLowerCase() === e.key.toLowerCase());
    if (!named) return;
    named.click();
  }
  e.preventDefault();
});

/* Whatever an item of a menu does, its menu has served. */
document.addEventListener("click", (e) => {
  const menu = e.target.closest("[role=menuitem], [role=menuitemradio]")?.closest("[role=menu]");
  if (menu) closeMenu(menu);
});

/* Where a menu scrolls sideways, the page that is open is in sight. */
document.querySelector(".app-menu [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

/* Whose words the offline page may show. */
localStorage.setItem("parley member", document.body.dataset.member);

/* Whoever sits here next should not find half a letter. What waits to be sent stays, and only its author sends it. */
document.addEventListener("submit", (e) => {
  if (!e.target.matches("[data-signs-out]")) return;
  for (const key of Object.keys(localStorage)) if (/^parley (draft |member$)/.test(key)) localStorage.removeItem(key);
});

/* ---- Toasts */
const TOASTS_SHOWN = 3, TOAST_STAYS = 10_000;
const region = () => document.getElementById("toasts");

function leaveLater(toast) {
  let timer;
  const stay = () => clearTimeout(timer), leave = () => (timer = setTimeout(() => toast.remove(), TOAST_STAYS));
  for (const on of ["pointerenter", "focusin"]) toast.addEventListener(on, stay);
  for (const on of ["pointerleave", "focusout"]) toast.addEventListener(on, () => (stay(), leave()));
  leave();
}

/* Every toast comes as the server rendered it; this only counts them and lets them leave. */
new MutationObserver((changes) => {
  for (const node of changes.flatMap((c) => [...c.addedNodes])) if (node.matches?.("[data-toast]")) leaveLater(node);
  for (const old of [...region().querySelectorAll("[data-toast]")].slice(0, -TOASTS_SHOWN)) old.remove();
}).observe(region(), { childList: true });
region().querySelectorAll("[data-toast]").forEach(leaveLater);

document.addEventListener("click", (e) => {
  if (e.target.closest("[data-dismiss]")) e.target.closest("[data-toast]").remove();
});

/* Words that a script has to say itself: plain text in the design's toast, and a link to what helps. */
export function say(title, words = "", { name, address } = {}) {
  const toast = document.createElement("div"), p = document.createElement("p"), b = document.createElement("b");
  Object.assign(toast, { className: "toast" }).dataset.toast = "";
  toast.setAttribute("role", "status");
  b.textContent = title;
  p.append(b, ...(words ? [document.createElement("br"), words] : []));
  toast.append(p);
  if (name) toast.append(Object.assign(document.createElement("a"), { className: "button", href: address, textContent: name }));
  toast.querySelector(".button")?.setAttribute("data-size", "small");
  region().append(toast);
}

/* ---- The bell opens a panel where there is room for one; on a phone it is a page. */
document.addEventListener("click", async (e) => {
  const bell = e.target.closest("[data-bell]"), panel = document.getElementById("bell-panel");
  if (!bell || e.ctrlKey || e.metaKey || e.shiftKey || matchMedia("(width < 45rem)").matches) return;
  e.preventDefault();
  await htmx.ajax("GET", bell.href, { target: panel, swap: "innerHTML", source: panel });
  if (!panel.hasChildNodes()) return location.assign(bell.href);
  panel.showPopover({ source: bell });
  panel.querySelector("a, button")?.focus();
});

/* ---- The session has ended: its sign-in page belongs in the window, and leads back to the link or to this page.
   What was being written is kept. The dialog has an address of its own to come back to. */
document.addEventListener("htmx:before:swap", (e) => {
  const { response, target, sourceElement } = e.detail.ctx, { raw } = response ?? {};
  if (!raw?.redirected || new URL(raw.url).pathname !== "/sign-in/" || target?.id === "dialog") return;
  e.preventDefault();
  const link = sourceElement?.closest("a[href]");
  if (link) location.assign(link.href); else location.reload();
});

/* ---- A request that got no answer. What asks by itself (data-quiet) and what keeps its words say so themselves. */
const quiet = (e) => (e.detail.ctx?.sourceElement ?? e.target).closest?.("[data-quiet], [data-keeps]");
document.addEventListener("htmx:response:error", (e) => {
  const { status } = e.detail.ctx.response;
  if (quiet(e)) return;
  if (status >= 500) say("That didn’t load", "It’s us, not you. Try again in a moment.");
  else if (status === 403) say("That page was open too long", "Open it again and try once more.");
  else if (status === 404) say("That isn’t here any more", "Somebody may have moved it.");
});
document.addEventListener("htmx:error", (e) => {
  if (quiet(e)) return;
  say("That didn’t load", "Check your connection and try again.");
});
