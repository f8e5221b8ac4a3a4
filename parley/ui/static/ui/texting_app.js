/* The texting app: a draft that saves itself, and a page that follows what the carriers say. */
import { headers } from "./live.js";

const AFTER_TYPING = 800, RETRY = 4_000, SLOWEST = 60_000;
const $ = (q, root = document) => root.querySelector(q);
const form = () => $("#registration");

/* ---- What waits to be saved: by field, kept in the browser until the server has it */
const key = () => `parley draft ${document.body.dataset.member} registration ${form().dataset.key}`;
const kept = () => JSON.parse(localStorage.getItem(key()) ?? "{}");
const keep = (fields) => (Object.keys(fields).length ? localStorage.setItem(key(), JSON.stringify(fields)) : localStorage.removeItem(key()));

const SAVED = "input:not([type=hidden], [type=file]), select, textarea";
/** A field's values as its form would send them. */
const valuesOf = (name) => new FormData(form()).getAll(name);

function state(words, trouble = false) {
  const line = $("#draft-state");
  if (!line) return;
  line.textContent = words;
  line.toggleAttribute("data-trouble", trouble);
}

function problem(name, words) {
  const place = $(`[data-field="${CSS.escape(name)}"]`, form());
  if (!place) return;
  $(":scope > .problem", place)?.remove();
  const controls = place.querySelectorAll("input, select, textarea");
  for (const control of controls) control.removeAttribute("aria-invalid");
  if (!words) return;
  const said = $("#field-problem").content.firstElementChild.cloneNode(true);
  $("span", said).textContent = words;
  said.id = `id_${name}_error`;
  place.append(said);
  for (const control of controls) {
    control.setAttribute("aria-invalid", "true");
    const described = new Set((control.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    control.setAttribute("aria-describedby", [...described.add(said.id)].join(" "));
  }
}

let timer, saving = null, patience = RETRY;

/** Send what waits. Resolves to true when the server has everything. `leaving`: the page may be gone before the answer. */
async function flush({ leaving = false } = {}) {
  clearTimeout(timer);
  if (!form()) return true;
  if (saving && !leaving) await saving;
  const fields = kept(), names = Object.keys(fields);
  if (!names.length) return true;
  saving = post(fields, names, leaving);
  const done = await saving;
  saving = null;
  return done;
}

async function post(fields, names, leaving) {
  const body = new URLSearchParams();
  for (const name of names) {
    body.append("fields", name);
    for (const value of fields[name]) body.append(name, value);
  }
  for (const place of form().querySelectorAll("[data-field]:has(> .problem)")) body.append("shown", place.dataset.field);
  try {
    const answer = await fetch(form().dataset.draftAddress, { method: "POST", body, headers: headers(), redirect: "manual", keepalive: leaving, signal: AbortSignal.timeout(20_000) });
    if (answer.type === "opaqueredirect") return later("You were signed out. Sign in again: what you typed is kept in this browser.");
    if (answer.status === 409) { keep({}); state((await answer.json()).words, true); return false; }
    if (answer.status < 500 && !answer.ok) { state("Reload this page to go on. What you typed is kept in this browser.", true); return false; }
    if (!answer.ok) return later("Not saved yet. What you typed is kept in this browser, and we keep trying.");
    const { saved, problems } = await answer.json();
    patience = RETRY;
    /* What was typed while this was on its way stays. */
    const now = kept();
    for (const name of names) if (JSON.stringify(now[name]) === JSON.stringify(fields[name])) delete now[name];
    keep(now);
    if (!form()) return true;
    state(`Draft saved ${saved}`);
    for (const [name, words] of Object.entries(problems)) if (!(name in now)) hear(name, words);
    if ("country" in fields) await countryChanged();
    return Object.keys(now).length === 0;
  } catch {
    return later("You’re offline. What you typed is kept in this browser, and saved when you’re back.");
  }
}

/* Nobody is told off in the middle of a word: what is wrong is said on leaving the field, what was mended at once. */
const TYPED = "input:not([type=radio], [type=checkbox]), textarea";
const held = new Map();
function hear(name, words) {
  const field = document.activeElement;
  if (words && field?.name === name && field.matches(TYPED)) held.set(name, words);
  else { held.delete(name); problem(name, words); }
}

function later(words) {
  state(words, true);
  clearTimeout(timer);
  timer = setTimeout(flush, patience);
  patience = Math.min(2 * patience, SLOWEST);
  return false;
}

/* Another country's form asks for other things by other names. */
async function countryChanged() {
  const region = $("#texting"), [country] = valuesOf("country");
  await htmx.ajax("GET", location.pathname + location.search, { source: region, target: region, swap: "outerMorph" });
  $(`[name=country][value="${CSS.escape(country)}"]`)?.focus();
}

function changed(field) {
  if (!field.name || !field.matches(SAVED) || field.form !== form()) return;
  keep({ ...kept(), [field.name]: valuesOf(field.name) });
  clearTimeout(timer);
  held.delete(field.name);
  timer = setTimeout(flush, field.matches(TYPED) ? AFTER_TYPING : 0);
}

document.addEventListener("input", (e) => changed(e.target));
document.addEventListener("focusout", ({ target }) => {
  if (target.form !== form()) return;
  if (held.has(target.name)) problem(target.name, held.get(target.name));
  held.delete(target.name);
  flush();
});
addEventListener("pagehide", () => flush({ leaving: true }));
addEventListener("visibilitychange", () => document.hidden && flush({ leaving: true }));
addEventListener("online", () => { patience = RETRY; flush(); });
document.addEventListener("parley:online", () => { patience = RETRY; flush(); });

/* ---- Save and continue: everything is there already, and is not sent twice over what another tab has changed */
let ready = false;
document.addEventListener("submit", async (e) => {
  if (e.target !== form() || e.submitter?.name === "remove") return;
  if (ready) return;
  e.preventDefault();
  const { submitter } = e;
  if (!(await flush()) && Object.keys(kept()).length) return $("#draft-state").scrollIntoView({ block: "nearest" });
  /* While the first event is still being told, the browser ignores a second submit. */
  await new Promise((later) => setTimeout(later));
  ready = true;
  form().requestSubmit(submitter);
  ready = false;
});
document.addEventListener("formdata", (e) => {
  if (!ready || e.target !== form()) return;
  for (const name of [...e.formData.keys()]) if (!["csrfmiddlewaretoken", "anyway"].includes(name)) e.formData.delete(name);
  e.formData.set("autosaved", "1");
});

document.addEventListener("click", (e) => {
  const fix = e.target.closest("[data-fix]");
  if (!fix) return;
  const control = $(`[data-field="${CSS.escape(fix.dataset.fix)}"] :is(input, select, textarea)`, form());
  if (!control) return;
  e.preventDefault();
  control.focus();
  control.scrollIntoView({ block: "center" });
});

/* ---- What an earlier visit could not save comes back into its fields */
function restore() {
  if (!form()) return;
  for (const [name, values] of Object.entries(kept())) for (const field of form().querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
    if (field.matches("[type=radio], [type=checkbox]")) field.checked = values.includes(field.value);
    else field.value = values[0] ?? "";
  }
  if (!$("#draft-state").textContent) state("Your answers save themselves as you type.");
  flush();
}

/* What was typed before this script listened is kept like all else: on Save only what is kept is sent. */
function differs(field) {
  if (field.matches("[type=radio], [type=checkbox]")) return field.checked !== field.defaultChecked;
  if (field.matches("select")) return !([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.selected;
  return field.value !== field.defaultValue;
}
if (form()) for (const field of form().querySelectorAll(SAVED)) if (differs(field)) changed(field);
restore();
document.addEventListener("htmx:after:swap", (e) => { if (e.detail.ctx?.target?.id === "texting" || e.target.id === "texting") restore(); });

/* ---- Copy the number */
document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]");
  if (!button) return;
  const place = $(button.dataset.copy), label = $("span", button);
  try {
    await navigator.clipboard.writeText(place.textContent);
    label.textContent = "Copied";
  } catch {
    /* No clipboard without TLS: the number is marked, and the person's own keys copy it. */
    getSelection().selectAllChildren(place);
    label.textContent = "Marked: copy it";
  }
});

/* ---- News of the number: nothing named means that anything may have changed. The server leaves an unchanged page alone. */
document.addEventListener("parley:change", (e) => {
  if (!e.detail.conversations.length) htmx.trigger("#texting", "refresh");
});
/* Whoever comes back to the page wants to know now: the server asks the carriers then. */
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") htmx.trigger("#texting", "refresh");
});

/* A switch that was turned before htmx listened is sent now: it must never stand at what was not saved. htmx begins in
   a timer of its own, set before this one. */
setTimeout(() => {
  for (const turned of document.querySelectorAll("#texting .switch")) {
    if (turned.checked !== turned.defaultChecked) turned.dispatchEvent(new Event("change", { bubbles: true }));
  }
});
