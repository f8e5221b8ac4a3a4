/* The composer: what is typed is kept, what is sent is sent once, and what could not be sent waits and says so. */
import { count, plain, special } from "./segments.js";
import { headers } from "./live.js";
import { say } from "./shell.js";

const $ = (q, root = document) => root.querySelector(q);
const LONG = 2, RETRY = 4_000;
const KEYS = /^(Mac|iP)/.test(navigator.platform) ? "⌘ Return sends" : "Ctrl+Enter sends";
const member = document.body.dataset.member;
const draftOf = (id) => `parley draft ${member} ${id}`, outboxOf = (id) => `parley outbox ${member} ${id}`;
const load = (key) => JSON.parse(localStorage.getItem(key) ?? "null");
const keep = (key, value) => (value ? localStorage.setItem(key, JSON.stringify(value)) : localStorage.removeItem(key));

/* crypto.randomUUID is missing where Parley is served without TLS. */
function newKey() {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/* ---- The outbox: kept until the server has it. A key makes a second try the same message. */
const waiting = (id) => load(outboxOf(id)) ?? [];
const busy = new Set();

function remove(id, key) {
  const left = waiting(id).filter((m) => m.key !== key);
  keep(outboxOf(id), left.length ? left : null);
}

async function post(id, message) {
  if (busy.has(message.key)) return null;
  busy.add(message.key);
  try {
    const body = new URLSearchParams({ client_key: message.key, channel: message.channel, subject: message.subject, body: message.body });
    const answer = await fetch(`/inbox/${id}/send`, { method: "POST", body, headers: headers(), redirect: "manual", signal: AbortSignal.timeout(20_000) });
    if (answer.status === 204) return { sent: true };
    if (answer.status === 422) return { refused: await answer.json() };
    if (answer.type === "opaqueredirect") say("You were signed out", "Sign in again: what you wrote is kept, and sent then.", { name: "Sign in", address: location.href });
    else if (answer.status < 500) return { refused: { field: "body", words: "That was not sent. Open this page again and try once more." } };
    return { later: true };
  } catch {
    return { later: true };
  } finally { busy.delete(message.key); }
}

/** Send what waits in a conversation, in order. */
async function flush(id, { sent, refused } = {}) {
  for (const message of waiting(id)) {
    const result = await post(id, message);
    if (result?.sent) { remove(id, message.key); await sent?.(id); }
    else if (result?.refused) { remove(id, message.key); refused?.(message, result.refused); }
    else return;
  }
}

/** Everything that any conversation of this member still has to send. */
function flushAll(except) {
  for (const key of Object.keys(localStorage)) {
    const id = key.startsWith(`parley outbox ${member} `) && key.split(" ").at(-1);
    if (id && id !== except) flush(id, {
      refused: (message, why) => {
        keep(draftOf(id), message);
        say("A message could not be sent", why.words);
      },
    });
  }
}

/* ---- The form */
let current = null;

/** Take charge of a thread's composer. `sent(id)` is called when a message has been taken. */
export function compose(form, { sent }) {
  current?.abort();
  current = new AbortController();
  const { signal } = current;
  compose.byEmail = compose.arrived = null;
  if (!form) return flushAll();

  const id = form.getAttribute("action").split("/")[2], longest = Number(form.dataset.longest);
  const { body, subject } = form.elements, button = $(".send-button", form), list = $("#pending");
  const channel = () => form.elements.channel.value;
  const can = (via) => $("#can-send").dataset[via] === "yes";
  const problem = $("#composer-problem"), costly = $("#costly"), output = $("#segments");

  function tell(words = "", field = "") {
    $("span", problem).textContent = words;
    problem.hidden = !words;
    for (const [name, el] of [["body", body], ["subject", subject]]) {
      if (words && name === field) el.setAttribute("aria-invalid", "true");
      else el.removeAttribute("aria-invalid");
    }
  }

  function measure() {
    const text = body.value, { segments, left, encoding } = count(text), over = [...text.trim()].length - longest;
    const email = channel() === "email";
    output.innerHTML = `<b>${segments} segment${segments > 1 ? "s" : ""}</b><br>${left} left`;
    output.toggleAttribute("data-long", segments > LONG);
    output.hidden = email || !text;
    /* One character outside the plain alphabet halves what a segment holds: say which. */
    const dear = !email && encoding === "UCS-2";
    costly.hidden = !dear;
    if (dear) {
      const odd = special(text), shown = odd.slice(0, 3).join(" ");
      $("span", costly).textContent = `${shown} ${odd.length > 1 ? "make" : "makes"} a segment hold 70 characters, not 160.`;
      $("button", costly).hidden = plain(text) === text;
    }
    const tooLong = !email && over > 0;
    if (tooLong) tell(`This text has ${[...text.trim()].length.toLocaleString("en")} characters, ${over.toLocaleString("en")} more than the ${longest.toLocaleString("en")} a text can hold.`, "body");
    else if (problem.dataset.over) tell();
    problem.toggleAttribute("data-over", tooLong);
    if (tooLong) problem.dataset.over = "yes"; else delete problem.dataset.over;
    button.disabled = !text.trim() || tooLong || !can(channel());
  }

  function dress() {
    const email = channel() === "email", calls = body.dataset.calls;
    body.placeholder = `${email ? "Email" : "Text"} ${calls}`;
    button.setAttribute("aria-label", email ? "Send email" : "Send text");
    button.title = KEYS;
    for (const via of ["sms", "email"]) $(`[name=channel][value=${via}]`, form).disabled = !can(via);
    measure();
  }
  /* The name is for the offline page, which has nobody to ask. */
  const to = $("#thread-title").textContent;
  const draft = () => keep(draftOf(id), body.value || subject.value ? { channel: channel(), subject: subject.value, body: body.value, to } : null);

  function fill({ channel: via, subject: s, body: text }) {
    body.value = text;
    subject.value = s;
    if (can(via)) $(`[name=channel][value=${via}]`, form).checked = true;
    dress();
  }

  function render() {
    /* Its nudge may come before the answer to our own request: then the thread shows it already. */
    const there = (message) => $(`#messages > [data-client-key="${message.key}"]`);
    list.replaceChildren(...waiting(id).filter((message) => !there(message)).map((message) => {
      const li = $("#pending-message").content.firstElementChild.cloneNode(true);
      $(".bubble", li).textContent = message.body;
      $(".receipt span", li).textContent = busy.has(message.key) ? "Sending" : "Waiting to send";
      return li;
    }));
  }

  async function go() {
    const known = waiting(id).length;
    const flushed = flush(id, {
      sent: async (at) => { if (!signal.aborted) { await sent(at); render(); } },
      refused: (message, why) => {
        if (signal.aborted) return keep(draftOf(id), message);
        /* The words come back to where they were typed, in front of what has been typed since. */
        fill({ ...message, body: body.value ? `${message.body}\n${body.value}` : message.body });
        draft();
        tell(why.words, why.field);
        (why.field === "subject" ? subject : body).focus();
      },
    });
    render();
    await flushed;
    if (signal.aborted) return;
    render();
    if (known && waiting(id).length) setTimeout(() => signal.aborted || go(), RETRY);
  }

  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const text = body.value.trim();
    if (button.disabled || !text) return;
    if (channel() === "email" && !subject.value.trim()) {
      tell("Write a subject: an email needs one.", "subject");
      return subject.focus();
    }
    keep(outboxOf(id), [...waiting(id), { key: newKey(), channel: channel(), subject: channel() === "email" ? subject.value : "", body: text, to }]);
    body.value = subject.value = "";
    keep(draftOf(id), null);
    tell();
    measure();
    body.focus();
    go();
    $(".thread-log").scrollTop = $(".thread-log").scrollHeight;
  }, { signal });
  body.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.metaKey || e.ctrlKey)) { e.preventDefault(); form.requestSubmit(); }
  }, { signal });
  /* Whoever has written the subject goes on to the message; half a letter is not sent. */
  subject.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && !e.isComposing && !e.metaKey && !e.ctrlKey) { e.preventDefault(); body.focus(); }
  }, { signal });
  form.addEventListener("input", () => { if (!problem.dataset.over) tell(); measure(); draft(); }, { signal });
  form.addEventListener("change", () => { dress(); draft(); }, { signal });
  $("button", costly).addEventListener("click", () => { body.value = plain(body.value); measure(); draft(); body.focus(); }, { signal });
  for (const event of ["parley:offline", "parley:online"]) document.addEventListener(event, () => { render(); if (event === "parley:online") { go(); flushAll(id); } }, { signal });
  addEventListener("online", go, { signal });

  compose.byEmail = (text, title) => {
    if (!can("email")) return false;
    fill({ channel: "email", subject: subject.value || title, body: body.value ? `${text}\n${body.value}` : text });
    draft();
    subject.focus();
    return true;
  };
  compose.arrived = () => { dress(); render(); };

  /* What the server put there (words that were refused, or that are to go by email) is newer than a draft. */
  const kept = load(draftOf(id));
  if (kept && !body.value && !subject.value) fill(kept);
  else dress();
  render();
  if (waiting(id).length) go();
  flushAll(id);
}
