/* Appointments: what a service fills in, a tap on the calendar's free time, and a calendar that follows what changes. */

/* ---- A service fills in its name, time and place; not over what somebody has typed themselves. */
const FILLS = { title: "title", minutes: "minutes", location: "location" };
const before = new WeakMap();
document.addEventListener("focusin", (e) => {
  if (e.target.matches("[data-appointment] [name=service]")) before.set(e.target, e.target.selectedOptions[0]);
});
document.addEventListener("change", (e) => {
  const select = e.target;
  if (!select.matches("[data-appointment] [name=service]")) return;
  const chosen = select.selectedOptions[0].dataset, was = before.get(select)?.dataset ?? {};
  for (const [name, from] of Object.entries(FILLS)) {
    const field = select.form.elements[name], fill = chosen[from] ?? "";
    const own = field.value && field.value !== was[from] && field.value !== field.defaultValue;
    if (own || (!fill && name !== "title")) continue;
    field.value = fill;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  before.set(select, select.selectedOptions[0]);
});

/* ---- The calendar */
const calendar = () => document.getElementById("calendar");
const OFTEN = 5_000, QUARTER = 15;

/* Anything may nudge a page, a text for one: the calendar asks at once, and then not again for a while. */
let last = 0, timer = null;
function refresh() {
  if (!calendar() || timer) return;
  const wait = Math.max(0, last + OFTEN - Date.now());
  timer = setTimeout(() => {
    timer = null;
    last = Date.now();
    if (calendar()) htmx.trigger(calendar(), "refresh");
  }, wait);
}
document.addEventListener("parley:change", refresh);
document.addEventListener("parley:done", () => { last = 0; refresh(); });
/* A button of the sheet has acted, and the sheet is shown anew. */
document.addEventListener("htmx:after:swap", (e) => {
  if (e.detail.ctx.target?.id === "dialog" && e.detail.ctx.request?.method === "POST") last = 0, refresh();
});

/* Free time, tapped: a new appointment on that day, at that quarter of an hour. */
document.addEventListener("click", (e) => {
  if (!e.target.matches(".week-slots")) return;
  const week = e.target.closest(".week"), { top, height } = e.target.getBoundingClientRect(), style = getComputedStyle(week);
  if (style.getPropertyValue("--grid").trim() !== "1") return;
  const begins = Number(style.getPropertyValue("--begins")), ends = Number(style.getPropertyValue("--ends"));
  const minutes = Math.floor(((begins + ((e.clientY - top) / height) * (ends - begins)) * 60) / QUARTER) * QUARTER;
  const at = [Math.floor(minutes / 60), minutes % 60].map((n) => String(n).padStart(2, "0")).join(":");
  const link = e.target.closest(".week-day").querySelector("a[data-dialog]").cloneNode();
  link.href += `&at=${at}`;
  link.hidden = true;
  e.target.append(link);
  link.click();
  link.remove();
});

/* On a phone the week is a list: today's is what one looks for. */
if (calendar() && matchMedia("(width < 45rem)").matches && !new URLSearchParams(location.search).has("on"))
  document.querySelector(".week-day[data-today]")?.scrollIntoView();
