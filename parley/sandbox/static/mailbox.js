// The mailbox's page: a list that stays current, and one open mail. Words from outside become text nodes only;
// a mail's HTML is shown in a frame that may do nothing.

const $ = (id) => document.getElementById(id);
const icons = "/static/ui/icons.svg#";
let open = null;

function element(tag, words, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  made.textContent = words;
  return made;
}

function time(seconds) {
  const then = new Date(seconds * 1000);
  const today = then.toDateString() === new Date().toDateString();
  const style = today ? { hour: "numeric", minute: "2-digit" } : { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
  return new Intl.DateTimeFormat(navigator.language, style).format(then);
}

async function ask(path, method = "GET") {
  const answer = await fetch(path, { method });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

async function load() {
  const { mails } = await ask("/api/mails");
  $("none").hidden = mails.length > 0;
  const focused = document.activeElement?.dataset?.mail;
  $("mails").replaceChildren(...mails.map(row));
  if (focused) $("mails").querySelector(`[data-mail="${focused}"]`)?.focus();
  if (open !== null && !mails.some((mail) => mail.id === open)) closeMail();
}

function row(mail) {
  const button = element("button", "", { type: "button" });
  button.dataset.mail = mail.id;
  if (mail.id === open) button.setAttribute("aria-current", "true");
  button.append(
    element("b", mail.subject || "No subject"),
    element("time", time(mail.at)),
    element("span", `To ${mail.to}`),
    element("span", `From ${mail.from}`),
  );
  button.addEventListener("click", () => show(mail.id));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

async function show(id) {
  open = id;
  for (const button of $("mails").querySelectorAll("button")) {
    button.toggleAttribute("aria-current", false);
    if (Number(button.dataset.mail) === id) button.setAttribute("aria-current", "true");
  }
  try {
    const mail = await ask(`/api/mails/${id}`);
    if (open !== id) return;
    $("open").replaceChildren(...parts(mail));
    $("open").focus();
    $("problem").textContent = "";
  } catch (error) {
    $("problem").textContent = error.message;
  }
}

function closeMail() {
  open = null;
  $("open").replaceChildren(element("p", "Pick a mail to read it.", { className: "hush" }));
}

function parts(mail) {
  const facts = element("dl", "", { className: "facts" });
  const shown = [["From", mail.from], ["To", mail.to], ["Sent", time(mail.at)]];
  if (mail.attachments.length) shown.push(["Attached", mail.attachments.map((one) => one.name || one.content_type).join(", ")]);
  for (const [name, value] of shown) facts.append(fact(name, value));
  const nodes = [element("h2", mail.subject || "No subject"), facts];
  if (mail.text) nodes.push(element("pre", mail.text));
  if (mail.has_html) {
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "");
    frame.title = "The mail’s HTML";
    frame.src = `/api/mails/${mail.id}/html`;
    nodes.push(frame);
  }
  if (!mail.text && !mail.has_html) nodes.push(element("p", "This mail has no words.", { className: "hush" }));
  const details = document.createElement("details");
  const headers = element("dl", "", { className: "facts" });
  for (const [name, value] of mail.headers) headers.append(fact(name, value));
  details.append(element("summary", "All headers"), headers);
  return [...nodes, details];
}

function fact(name, value) {
  const line = document.createElement("div");
  line.append(element("dt", name), element("dd", value));
  return line;
}

function live(on) {
  const words = on ? "Live" : "Connection lost, trying again";
  if ($("live").querySelector("span").textContent === words) return;
  $("live").dataset.tone = on ? "good" : "pending";
  $("live").querySelector("use").setAttribute("href", icons + (on ? "check" : "clock"));
  $("live").querySelector("span").textContent = words;
}

$("empty").addEventListener("click", async () => {
  try {
    await ask("/api/mails", "DELETE");
    $("problem").textContent = "";
  } catch {
    $("problem").textContent = "The mailbox does not answer.";
  }
});

// Who is away says so by the event stream; what was missed is asked for when it is back.
const refresh = () => load().catch(() => {});
const events = new EventSource("/api/events");
events.addEventListener("open", async () => {
  await refresh();
  live(true);
});
events.addEventListener("changed", refresh);
events.addEventListener("error", () => live(false));
