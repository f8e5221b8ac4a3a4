// The simulator's page. The server says what changed (an event names it); the page asks for it anew and shows it.
// Words from outside reach the document as text nodes only.

const $ = (id) => document.getElementById(id);
const icons = "/static/ui/icons.svg#";
const locale = navigator.language;

let people = { handsets: [], numbers: [] };
let phone = new URLSearchParams(location.search).get("phone");
let partner = new URLSearchParams(location.search).get("with");

// -- speaking with the server

async function ask(path, method = "GET", body) {
  const answer = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error ?? said.message ?? "It did not work.");
  return said;
}

async function attempt(place, what) {
  try {
    await what();
    place.textContent = "";
  } catch (error) {
    place.textContent = error instanceof TypeError ? "The simulator does not answer." : error.message;
  }
}

// A newer question makes an older answer stale: it is thrown away.
function latest(load, show) {
  let asked = 0;
  return async () => {
    const mine = ++asked;
    const said = await load();
    if (mine === asked) show(said);
  };
}

// -- small things

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", icons + name);
  svg.append(use);
  return svg;
}

function element(tag, words, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  made.textContent = words;
  return made;
}

function options(select, entries, chosen) {
  const wanted = JSON.stringify(entries);
  if (select.dataset.holds !== wanted) {
    select.replaceChildren(...entries.map(([value, words]) => new Option(words, value)));
    select.dataset.holds = wanted;
  }
  select.value = chosen ?? "";
}

const at = (seconds, style) => new Intl.DateTimeFormat(locale, style).format(new Date(seconds * 1000));
const clockTime = (seconds) => at(seconds, { hour: "numeric", minute: "2-digit" });
const sameDay = (a, b) => new Date(a * 1000).toDateString() === new Date(b * 1000).toDateString();
const withoutHalf = (time) => time.replace(/\s?[AP]M$/i, "");
const plain = (number) => number.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "$1 $2 $3");
const sentence = (code) => (code ? code[0] + code.slice(1).toLowerCase().replaceAll("_", " ") : "");

function dayAndTime(seconds) {
  const now = Date.now() / 1000;
  if (sameDay(seconds, now)) return `Today ${clockTime(seconds)}`;
  return `${at(seconds, { month: "short", day: "numeric" })}, ${clockTime(seconds)}`;
}

// -- the phone

const loadPeople = latest(
  () => ask("/sandbox/page"),
  (said) => {
    people = said;
    if (!phone) phone = people.handsets[0]?.phone_number ?? null;
    const known = people.handsets.some((handset) => handset.phone_number === phone);
    const phones = people.handsets.map((h) => [h.phone_number, h.name ? `${h.name}, ${h.national}` : h.national]);
    if (phone && !known) phones.unshift([phone, phone]);
    if (!phone) phones.unshift(["", "No phone yet"]);
    options($("phone"), [...phones, ["new", "New number"]], phone ?? "");
    const owners = people.numbers.map((n) => n.owner);
    const alone = (owner) => owners.filter((other) => other === owner).length === 1;
    const numbers = people.numbers.map((n) => [n.phone_number, [n.owner, n.owner && alone(n.owner) ? "" : n.national].filter(Boolean).join(", ")]);
    options($("partner"), numbers.length ? numbers : [["", "No number yet"]], partner ?? numbers[0]?.[0]);
    $("account-sid").textContent = people.account_sid;
    $("auth-token").textContent = people.auth_token;
    $("address").textContent = people.url;
    $("example").textContent = people.example;
    showRinging(people.ringing.filter((one) => one.phone_number !== phone));
  },
);

const loadScreen = latest(
  () => (phone ? ask(`/sandbox/handsets/${encodeURIComponent(phone)}${partner ? `?with=${encodeURIComponent(partner)}` : ""}`) : null),
  showScreen,
);

function showScreen(screen) {
  const owner = screen ? screen.name.split(" ")[0] || screen.national : "";
  $("handset-place").setAttribute("aria-label", owner ? `${owner}’s phone` : "Phone");
  $("words").setAttribute("aria-label", owner ? `Text message as ${owner}` : "Text message");
  $("send").setAttribute("aria-label", owner ? `Send as ${owner}` : "Send");
  const name = screen?.with_name ?? "";
  $("partner-name").textContent = name || "Nobody to text with";
  $("partner-initial").textContent = /\p{L}/u.exec(name)?.[0].toUpperCase() ?? "#";
  if (screen?.with && !partner) {
    partner = screen.with;
    $("partner").value = partner;
  }
  for (const control of document.querySelectorAll("#handset-place :is(button, input, select)")) control.disabled = !screen?.with;
  if (screen) {
    set($("when-called"), screen.when_called === "rings" && screen.voicemail_after ? "voicemail" : screen.when_called);
    $("withheld").checked = screen.withheld;
  }
  showTexts(screen);
}

let shownTexts = [];
let shownFor = "";

function showTexts(screen) {
  const log = $("texts");
  const texts = screen?.texts ?? [];
  const whose = `${phone} ${partner}`;
  const keys = texts.map((text) => JSON.stringify(text));
  const grown = whose === shownFor && shownTexts.length > 0 && shownTexts.every((key, place) => key === keys[place]);
  if (!grown) {
    log.replaceChildren();
    shownTexts = [];
  }
  for (let place = shownTexts.length; place < texts.length; place++) log.append(...textNodes(texts[place], texts[place - 1]));
  if (!texts.length) log.append(element("small", screen?.with ? "Nothing here yet. Texts to this phone will appear, and it can write first." : "There is no phone or no number yet. Parley’s sample data makes some."));
  if (!grown || texts.length > shownTexts.length) log.scrollTop = log.scrollHeight;
  shownTexts = keys;
  shownFor = whose;
}

function textNodes(text, before) {
  const nodes = [];
  if (!before || text.at - before.at > 900) {
    nodes.push(element("time", before && sameDay(before.at, text.at) ? clockTime(text.at) : dayAndTime(text.at)));
  }
  const bubble = element("p", text.pictures.length ? "" : text.body);
  if (text.mine) bubble.className = "mine";
  for (const address of text.pictures) bubble.append(Object.assign(new Image(), { src: address, alt: "Photo" }));
  if (text.pictures.length && text.body) bubble.append(element("span", text.body));
  return [...nodes, bubble];
}

async function text(body, media = []) {
  await attempt($("problem"), async () => {
    const address = `/sandbox/handsets/${encodeURIComponent(phone)}/texts`;
    await ask(address, "POST", { to: partner, body, media });
    if (body && $("words").value === body) $("words").value = "";
  });
}

function remember() {
  const query = new URLSearchParams({ ...(phone && { phone }), ...(partner && { with: partner }) });
  history.replaceState(null, "", `?${query}`);
}

$("write").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("words").value.trim()) text($("words").value);
});
for (const button of document.querySelectorAll("[data-reply]")) button.addEventListener("click", () => text(button.dataset.reply));
$("photo").addEventListener("click", () => text("", ["sample"]));
$("phone").addEventListener("change", async () => {
  await attempt($("problem"), async () => {
    const isNew = $("phone").value === "new";
    phone = isNew ? (await ask("/sandbox/handsets", "POST")).phone_number : $("phone").value;
    partner = isNew ? $("partner").value || null : null;
    remember();
    await Promise.all([loadPeople(), loadScreen(), loadCalls()]);
  });
});
$("partner").addEventListener("change", () => {
  partner = $("partner").value || null;
  remember();
  attempt($("problem"), loadScreen);
});

// -- calls

const VOICEMAIL_SECONDS = 10;
const SPOKEN_SECONDS = 5;
const STATES = { queued: "Calling", ringing: "Ringing", "in-progress": "Connected" };
const MINE_ENDED = { completed: "ended", busy: "was busy", "no-answer": "was not answered", canceled: "stopped ringing", failed: "failed" };
const THEIRS_ENDED = { ...MINE_ENDED, busy: "was declined", "no-answer": "was missed" };
const HEARD = {
  heard: (words) => `“${words}”`,
  played: () => "A sound is played.",
  ringing: () => "It rings at the other end.",
  connected: () => "Somebody is on the line.",
  beep: () => "Beep.",
  pressed: (words) => `You pressed ${words}.`,
  spoke: (words) => `You speak for ${words}.`,
};
let call = null;

const loadCalls = latest(
  () => (phone ? ask(`/sandbox/handsets/${encodeURIComponent(phone)}/calls`) : null),
  (said) => showCalls(said?.calls ?? []),
);

function showCalls(calls) {
  const live = calls.filter((one) => !one.ended_at);
  call = live.find((one) => one.status === "ringing" && !one.mine) ?? live[0] ?? null;
  const before = calls[0]?.ended_at ? calls[0] : null;
  const ended = before?.mine ? MINE_ENDED : THEIRS_ENDED;
  $("last-call").textContent = before && !call ? `The last call, ${before.mine ? "to" : "from"} ${before.with_name}, ${ended[before.status]}.` : "";
  $("call").hidden = !call;
  for (const place of [$("texts"), $("write")]) place.hidden = Boolean(call);
  if (!call) return;
  const incoming = call.status === "ringing" && !call.mine;
  const machine = call.answered_by === "voicemail";
  $("call-who").textContent = call.with_name;
  $("call-state").textContent = incoming ? "Incoming call" : machine ? "Its own voicemail has answered" : STATES[call.status];
  for (const button of document.querySelectorAll("[data-act]")) {
    const forIncoming = ["answer", "decline"].includes(button.dataset.act);
    button.hidden = incoming !== forIncoming || machine;
  }
  $("keys").hidden = incoming || machine;
  const lines = call.heard.filter((one) => HEARD[one.what]).map((one) => HEARD[one.what](one.words));
  const heard = $("call-heard");
  if (heard.dataset.holds === `${call.sid} ${lines.length}`) return;
  heard.dataset.holds = `${call.sid} ${lines.length}`;
  heard.replaceChildren(...lines.map((words) => element("p", words)));
  heard.scrollTop = heard.scrollHeight;
}

// Phones that ring while another one is looked at: picking one shows it.
function showRinging(phones) {
  const words = phones.map((one) => `${one.phone_number} ${one.words}`).join();
  if ($("ringing").dataset.holds === words) return;
  $("ringing").dataset.holds = words;
  $("ringing").hidden = !phones.length;
  $("ringing").replaceChildren(
    ...phones.map((one) => {
      const button = element("button", `${one.words} rings`, { type: "button", className: "button" });
      button.dataset.size = "small";
      button.prepend(icon("phone"));
      button.addEventListener("click", () => attempt($("problem"), () => showPhone(one.phone_number)));
      return button;
    }),
  );
}

function showPhone(number) {
  phone = number;
  partner = null;
  remember();
  return Promise.all([loadPeople(), loadScreen(), loadCalls()]);
}

const onCall = (sid, act, wishes = {}) => ask(`/sandbox/handsets/${encodeURIComponent(phone)}/calls/${sid}/${act}`, "POST", wishes);

for (const button of document.querySelectorAll("[data-act]")) {
  const { act } = button.dataset;
  button.addEventListener("click", () => attempt($("problem"), () => onCall(call.sid, act, act === "speak" ? { seconds: SPOKEN_SECONDS } : {})));
}
for (const key of "123456789*0#") {
  const button = element("button", key, { type: "button" });
  button.addEventListener("click", () => attempt($("problem"), () => onCall(call.sid, "digits", { digits: key })));
  $("keys").append(button);
}
for (const button of document.querySelectorAll("[data-call]")) {
  button.addEventListener("click", () =>
    attempt($("problem"), () => {
      const message = button.dataset.call === "voicemail" ? { speak: VOICEMAIL_SECONDS, hangup: true } : {};
      return ask(`/sandbox/handsets/${encodeURIComponent(phone)}/calls`, "POST", { to: partner, ...message });
    }),
  );
}

function changePhone(facts) {
  return attempt($("problem"), () => ask("/sandbox/world", "PUT", { handsets: [{ phone_number: phone, ...facts }] }));
}

$("when-called").addEventListener("change", ({ target }) => {
  const machine = target.value === "voicemail";
  changePhone({ when_called: machine ? "rings" : target.value, voicemail_after: machine ? VOICEMAIL_SECONDS : 0 });
});
$("withheld").addEventListener("change", ({ target }) => changePhone({ withheld: target.checked }));

// -- the verification desk

const loadDesk = latest(() => ask("/sandbox/verifications"), showDesk);

function showDesk(desk) {
  const waiting = desk.verifications.filter((one) => one.waiting);
  $("waiting").textContent = waiting.length;
  $("waiting").hidden = !waiting.length;
  const judged = desk.verifications.filter((one) => !one.waiting).slice(0, 5);
  const nodes = [...waiting.map((one) => application(one, desk)), ...judged.map(verdict)];
  if (!nodes.length) nodes.push(element("p", "Nobody is waiting to be verified.", { className: "hush" }));
  $("desk").replaceChildren(...nodes);
}

function filled(template, words) {
  const made = $(template).content.firstElementChild.cloneNode(true);
  for (const [name, value] of Object.entries(words)) made.querySelector(`[data-is="${name}"]`).textContent = value;
  return made;
}

function application(one, desk) {
  const asked = one.asked;
  const country = asked.business_country ? new Intl.DisplayNames(locale, { type: "region" }).of(asked.business_country) : "";
  const sent = at(one.created, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
  const made = filled("waiting-template", {
    name: asked.business_name,
    when: `Toll-free ${one.national}${country ? `, ${country}` : ""}. Sent ${sent}. Day ${one.day} of ${desk.review_days}.`,
    registration: asked.business_registration_number || "None given",
    use: (asked.use_case_categories ?? []).map(sentence).join(", "),
    consent: sentence(asked.opt_in_type),
  });
  const why = made.querySelector("select");
  why.append(...desk.reasons.map((reason) => new Option(reason.label, reason.key)));
  why.setAttribute("aria-label", `Reason to reject ${asked.business_name}`);
  judgeBy(made, one, () => ({ reason: why.value }));
  return made;
}

function verdict(one) {
  const approved = one.status === "TWILIO_APPROVED";
  const made = filled("judged-template", {
    verdict: approved ? "Approved." : "Rejected.",
    words: approved ? `${one.national} assigned to ${one.asked.business_name}.` : `${one.asked.business_name}: ${one.rejection_reason}`,
  });
  made.dataset.tone = approved ? "good" : "danger";
  made.querySelector("use").setAttribute("href", icons + (approved ? "check-circle" : "alert"));
  judgeBy(made, one, () => ({}));
  return made;
}

function judgeBy(made, one, reason) {
  for (const button of made.querySelectorAll("[data-verdict]")) {
    button.addEventListener("click", () =>
      attempt($("problem"), () =>
        ask(`/sandbox/verifications/${one.sid}/${button.dataset.verdict}`, "POST", button.dataset.verdict === "reject" ? reason() : {}),
      ),
    );
  }
}

// -- the weather

const loadWeather = latest(() => ask("/sandbox/weather"), showWeather);

function showWeather(weather) {
  const span = weather.delivery_seconds.join(",");
  const delay = $("delay");
  if (![...delay.options].some((option) => option.value === span)) {
    delay.querySelector("[data-other]")?.remove();
    const other = new Option(`${weather.delivery_seconds.join(" to ")} seconds`, span);
    other.dataset.other = "";
    delay.append(other);
  }
  set(delay, span);
  for (const input of document.querySelectorAll("[data-share]")) set(input, +(weather[input.dataset.share] * 100).toFixed(4));
  for (const input of document.querySelectorAll("[data-number]")) set(input, weather[input.dataset.number]);
  for (const input of document.querySelectorAll("[data-choice]")) set(input, weather[input.dataset.choice]);
}

function set(control, value) {
  const typing = control === document.activeElement && control.matches("input");
  if (!typing) control.value = value;
}

$("weather").addEventListener("submit", (event) => event.preventDefault());
$("weather").addEventListener("change", ({ target }) => {
  const { share, number, choice } = target.dataset;
  const wish = {};
  if (target.id === "delay") wish.delivery_seconds = target.value.split(",").map(Number);
  else if (share) wish[share] = Number(target.value) / 100;
  else if (number) wish[number] = Number(target.value);
  else if (choice) wish[choice] = target.value;
  attempt($("weather-problem"), () => ask("/sandbox/weather", "PUT", wish));
});
$("clear").addEventListener("click", () => attempt($("weather-problem"), () => ask("/sandbox/weather", "DELETE")));

// -- the log

const loadLog = latest(() => ask("/sandbox/log"), showLog);

function showLog({ rows }) {
  $("log-empty").hidden = rows.length > 0;
  $("log-place").hidden = rows.length === 0;
  $("log").replaceChildren(...rows.map(logRow));
}

function logRow(row) {
  const made = document.createElement("tr");
  const time = withoutHalf(at(row.at, { hour: "numeric", minute: "2-digit", second: "2-digit" }));
  for (const words of [time, plain(row.from), plain(row.to), row.parts]) made.append(element("td", words));
  const state = element("span", row.state, { className: "status" });
  state.dataset.tone = row.tone;
  state.prepend(icon({ good: "checks", danger: "alert", pending: "clock", quiet: "info" }[row.tone]));
  const cell = document.createElement("td");
  cell.append(state);
  const words = element("td", "", { className: "words" });
  words.append(element("span", row.words));
  made.append(cell, words);
  return made;
}

// -- the account

$("copy").addEventListener("click", async () => {
  const words = $("copy").querySelector("span");
  try {
    await navigator.clipboard.writeText($("example").textContent);
    words.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren($("example"));
    words.textContent = "Selected";
  }
});

// -- staying current

function live(on) {
  const place = $("live");
  const words = on ? "Live" : "Connection lost, trying again";
  if (place.querySelector("span").textContent === words) return;
  place.dataset.tone = on ? "good" : "pending";
  place.querySelector("use").setAttribute("href", icons + (on ? "check" : "clock"));
  place.querySelector("span").textContent = words;
}

async function refresh(changed) {
  const loads = [];
  const all = changed === undefined;
  if (all || changed.includes("world") || changed.includes("calls")) loads.push(loadPeople());
  if (all || changed.includes("log")) loads.push(loadLog());
  if (all || changed.includes("desk")) loads.push(loadDesk());
  if (all || changed.includes("weather")) loads.push(loadWeather());
  if (all || changed.includes("world") || changed.includes(`handset:${phone}`)) loads.push(loadScreen(), loadCalls());
  // Whoever is away now says so by the event stream; what was missed is asked for when it is back.
  await Promise.allSettled(loads);
}

function tick() {
  $("clock").textContent = withoutHalf(clockTime(Date.now() / 1000));
}

const events = new EventSource("/sandbox/events");
events.addEventListener("open", async () => {
  await loadPeople().catch(() => {});
  await refresh();
  live(true);
});
events.addEventListener("changed", (event) => refresh(JSON.parse(event.data)));
events.addEventListener("error", () => live(false));
tick();
setInterval(tick, 5000);
