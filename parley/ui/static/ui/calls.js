/* Voicemails are played here, one at a time. The sound is held apart from the page, so that what htmx swaps does not stop
   it: whatever shows this voicemail now shows how far it is. Also the lists, and the form of Calls: its preview, its counter. */
import { headers } from "./live.js";
import { count, plain } from "./segments.js";

const sound = new Audio();
sound.preload = "none";
let playing = "";

const players = (id) => document.querySelectorAll(`[data-voicemail="${CSS.escape(id)}"]`);
const spoken = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

function show(id = playing) {
  for (const player of players(id)) {
    const whole = Number(player.dataset.seconds) || 1, own = id === playing;
    const at = own ? Math.min(sound.currentTime, whole) : 0, runs = own && !sound.paused, range = player.querySelector("input");
    player.toggleAttribute("data-begun", own && (runs || at > 0) && !sound.ended);
    player.style.setProperty("--played", `${(100 * at) / whole}%`);
    const button = player.querySelector("[data-plays]"), use = button.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, runs ? "#pause" : "#play"));
    button.setAttribute("aria-label", runs ? "Pause voicemail" : `Play voicemail, ${whole} second${whole === 1 ? "" : "s"}`);
    range.value = at;
    range.setAttribute("aria-valuetext", `${spoken(at)} of ${spoken(whole)}`);
    player.querySelector("time").textContent = spoken(own && at > 0 && !sound.ended ? at : whole);
  }
}

function load(player) {
  const id = player.dataset.voicemail, before = playing;
  if (id === before) return;
  sound.pause();
  playing = id;
  sound.src = player.dataset.src;
  if (before) show(before);
}

function play(player) {
  load(player);
  player.querySelector(".problem")?.remove();
  /* A play that was interrupted by another is no failure. */
  sound.play().then(() => {
    if (!player.hasAttribute("data-unheard")) return;
    for (const each of players(playing)) {
      each.removeAttribute("data-unheard");
      each.closest("li")?.querySelector("[data-new]")?.remove();
    }
    fetch(player.dataset.heard, { method: "POST", headers: headers() });
  }, (wrong) => wrong.name === "AbortError" || fail(player));
}

function fail(player) {
  if (player.querySelector(".problem")) return;
  const said = Object.assign(document.createElement("p"), { className: "problem", textContent: "It could not be played. Try again." });
  said.setAttribute("role", "alert");
  player.append(said);
}

document.addEventListener("click", (e) => {
  const button = e.target.closest("[data-plays]");
  if (!button) return;
  const player = button.closest("[data-voicemail]");
  if (player.dataset.voicemail === playing && !sound.paused) sound.pause();
  else play(player);
});
document.addEventListener("input", (e) => {
  const player = e.target.closest("[data-voicemail]");
  if (!player) return;
  const at = Number(e.target.value);
  load(player);
  if (sound.readyState) sound.currentTime = at;
  else {
    sound.addEventListener("loadedmetadata", () => { sound.currentTime = at; }, { once: true });
    sound.load();
  }
  show();
});
for (const name of ["play", "pause", "ended", "timeupdate", "seeked"]) sound.addEventListener(name, () => playing && show());
document.addEventListener("htmx:after:swap", () => playing && show());

/* ---- The lists of calls and of voicemails follow the server's nudges, unless more of them was asked for than a page */
const OFTEN = 1_000;
let due = null;
document.addEventListener("parley:change", () => {
  due ??= setTimeout(() => {
    due = null;
    for (const list of document.querySelectorAll("[data-follows]"))
      if (list.querySelectorAll("li:not(#more)").length <= Number(list.dataset.follows)) htmx.trigger(list, "refresh");
  }, OFTEN);
});

/* ---- The form of Calls */
const form = document.getElementById("calls-rules");
if (form) {
  const text = form.elements.text_back, out = document.getElementById("text-back-segments");
  form.addEventListener("click", (e) => {
    const chip = e.target.closest("[data-insert]");
    if (!chip) return;
    text.setRangeText(chip.dataset.insert, text.selectionStart, text.selectionEnd, "end");
    text.focus();
    text.dispatchEvent(new Event("input", { bubbles: true }));
  });
  form.addEventListener("input", (e) => {
    const heard = form.querySelector(`[data-hears="${e.target.name}"]`);
    if (heard) {
      const said = e.target.value.trim() || heard.dataset.usual || "";
      heard.querySelector("span").textContent = said;
      heard.hidden = !said;
    }
    if (e.target === text) {
      const { segments } = count(plain(text.value));
      out.replaceChildren(Object.assign(document.createElement("b"), { textContent: `${segments} segment${segments === 1 ? "" : "s"}` }));
    }
  });
}
