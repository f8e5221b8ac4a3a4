/* No network: what was written here and has not gone is shown, and there is a place to write on. It loads nothing. */
const AGAIN = 5_000;
const member = localStorage.getItem("parley member");
const load = (key) => JSON.parse(localStorage.getItem(key) ?? "null");
const keys = (kind) => Object.keys(localStorage).filter((key) => key.startsWith(`parley ${kind} ${member} `));

/* ---- The conversation whose address this is: its draft can be written on */
const here = /^\/inbox\/([0-9a-f-]{36})$/.exec(location.pathname)?.[1];
if (member && here) {
  const form = document.getElementById("write"), { words } = form.elements, key = `parley draft ${member} ${here}`;
  const draft = load(key) ?? { channel: "sms", subject: "", body: "", to: load(`parley outbox ${member} ${here}`)?.[0].to ?? "" };
  if (draft.to) form.querySelector("[data-to]").textContent = ` to ${draft.to}`;
  words.value = draft.body;
  words.addEventListener("input", () => {
    if (words.value || draft.subject) localStorage.setItem(key, JSON.stringify({ ...draft, body: words.value }));
    else localStorage.removeItem(key);
  });
  form.addEventListener("submit", (e) => e.preventDefault());
  form.hidden = false;
}

/* ---- Everything else of this member */
const list = document.querySelector("#unsent ul");
function show({ to, body }, state) {
  const item = document.getElementById("unsent-words").content.firstElementChild.cloneNode(true);
  item.querySelector("b").textContent = to ? `To ${to}` : "A message";
  item.querySelector(".status").textContent = state;
  item.querySelector(".kept-words").textContent = body;
  list.append(item);
}
for (const key of keys("outbox")) for (const message of load(key) ?? []) show(message, "Waiting to send");
/* A dialog's draft is this tab's: its form is filled with it when it is opened again. */
for (const key of Object.keys(sessionStorage).filter((k) => k.startsWith(`parley draft ${member} `))) {
  const { body } = JSON.parse(sessionStorage.getItem(key));
  if (body) show({ body }, "Draft");
}
for (const key of keys("draft")) if (!here || !key.endsWith(here)) show(load(key), "Draft");
document.getElementById("unsent").hidden = !list.hasChildNodes();

/* ---- Back by itself */
async function again() {
  const answer = await fetch("/healthz", { cache: "no-store" }).catch(() => null);
  if (answer?.ok) location.reload();
}
document.querySelector("[data-again]").href = location.href;
addEventListener("online", again);
setInterval(again, AGAIN);
