/* Writing a campaign: what would happen is asked for when something has changed, and when its counting is done. */
const form = document.getElementById("campaign-form");
const foretell = document.getElementById("foretell");
const PAUSE = 500;

let timer;
function look(wait = PAUSE) {
  clearTimeout(timer);
  timer = setTimeout(() => htmx.trigger(foretell, "look"), wait);
}
form.addEventListener("change", () => look());
/* Of a new one nothing is known until it says something. */
if (form.elements.version.value) look(0);

/* The nudge of the job that counted. */
document.addEventListener("parley:change", () => {
  if (document.querySelector("#foretelling[data-counting]")) htmx.trigger(foretell, "look");
  for (const part of document.querySelectorAll("#last-figures[data-counting]")) htmx.trigger(part, "look");
});

/* Whom one has picked is a change; and what is taken back is shown again. */
document.addEventListener("htmx:after:swap", (e) => {
  if (e.detail.ctx.target?.id === "picked") form.elements.picked.dispatchEvent(new Event("change", { bubbles: true }));
});
form.addEventListener("reset", () => {
  htmx.trigger(document.getElementById("picked"), "look");
  look();
});

/* ---- A tag that people have goes behind those that are there. */
form.addEventListener("click", (e) => {
  const button = e.target.closest("[data-adds-tag]");
  if (!button) return;
  const field = form.elements.tags, tag = button.dataset.addsTag;
  const there = field.value.split(",").map((t) => t.trim()).filter(Boolean);
  if (!there.some((t) => t.toLowerCase() === tag.toLowerCase())) field.value = [...there, tag].join(", ");
  for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
});

/* ---- Saved, and on to the last look; coming back to the page does not ask for it again. */
const last = document.querySelector("[data-opens-itself]");
if (last) {
  history.replaceState(history.state, "", location.pathname);
  last.click();
}
