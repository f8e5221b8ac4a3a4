/* Pages that open in the dialog (see parley/ui/dialogs.py), the letters that open them from anywhere, and drafts. */
const SUBMITTED = "parley submitted";
const HEADERS = { "HX-Target": "dialog#dialog" };
const quickActions = document.getElementById("quick-actions");

const dialog = document.createElement("dialog");
dialog.id = "dialog";
dialog.setAttribute("aria-labelledby", "sheet-title");
document.body.append(dialog);

let opener, asking = false;

async function ask(method, address, options) {
  if (asking) return;
  asking = true;
  dialog.setAttribute("aria-busy", "true");
  try {
    await htmx.ajax(method, address, { target: dialog, swap: "innerHTML", headers: HEADERS, ...options });
  } finally {
    asking = false;
    dialog.removeAttribute("aria-busy");
  }
}

function focusFirst() {
  (dialog.querySelector("[aria-invalid=true], [data-problem]") ?? dialog.querySelector("[autofocus]"))?.focus();
}

/* A button of the page may ask for a sheet itself, with what is typed there: hx-post, hx-target="#dialog". */
document.addEventListener("htmx:after:swap", (e) => {
  const { target, sourceElement } = e.detail.ctx;
  if (target !== dialog || !dialog.querySelector("[data-sheet]")) return;
  if (!dialog.open && sourceElement && !dialog.contains(sourceElement)) opener = sourceElement;
  if (!dialog.open) dialog.showModal();
  settleDrafts();
  focusFirst();
});

/* Whom one has picked stays picked when the search brings the list once more: its answer may come after the tap. */
let picked = "";
document.addEventListener("change", (e) => {
  if (e.target.matches("#contacts input[type=radio]")) picked = e.target.value;
});
document.addEventListener("htmx:after:swap", (e) => {
  if (e.detail.ctx.target === dialog) picked = "";
  else for (const radio of document.querySelectorAll("#contacts input[type=radio]")) radio.checked ||= radio.value === picked;
});

/* In a form that has more to fill in, Enter in the search for a client looks for one; it does not send the form. */
document.addEventListener("keydown", (e) => {
  if (e.key === "Enter" && e.target.id === "pick-q") e.preventDefault();
});

/* The session may have ended: its sign-in page belongs in the window, not in the dialog. */
document.addEventListener("htmx:before:swap", (e) => {
  const { ctx } = e.detail, { raw } = ctx.response ?? {};
  if (ctx.target !== dialog || !raw?.redirected || ctx.text.includes("data-sheet")) return;
  e.preventDefault();
  sessionStorage.removeItem(SUBMITTED);
  location.assign(raw.url);
});

document.addEventListener("click", (e) => {
  const link = e.target.closest("a[data-dialog]");
  if (link && !e.ctrlKey && !e.metaKey && !e.shiftKey && e.button === 0) {
    e.preventDefault();
    if (!dialog.open) opener = link.closest("[role=menu]") ? menuButton() : link;
    ask("GET", link.href, { source: dialog });
  }
  if (dialog.open && e.target.closest("[data-close]")) {
    e.preventDefault();
    dialog.close();
  }
});

/* A menu has closed by the time its dialog does: focus goes back to the menu's button. */
function menuButton() {
  return [...document.querySelectorAll('[data-opens="#quick-actions"]')].find((b) => b.offsetParent);
}

dialog.addEventListener("submit", (e) => {
  const form = e.target;
  e.preventDefault();
  ask(e.submitter?.formMethod || form.method, form.action, { source: form, event: e });
});
dialog.addEventListener("close", () => {
  dialog.replaceChildren();
  settleDrafts();
  opener?.focus();
});
document.addEventListener("parley:done", () => {
  for (const form of dialog.querySelectorAll("[data-draft]")) sessionStorage.removeItem(place(form));
  dialog.close();
});

/* ---- The letters shown beside Quick Actions work wherever nobody is writing. */
document.addEventListener("keydown", (e) => {
  if (e.altKey || e.ctrlKey || e.metaKey || e.defaultPrevented || e.isComposing || dialog.open || !quickActions?.hidden) return;
  /* The field of a dialog that has just closed may have the focus until the next frame. */
  const busy = e.target.closest("input, textarea, select, [contenteditable], [role=menu]");
  if (busy && !dialog.contains(busy)) return;
  const letter = [...quickActions.querySelectorAll("kbd")].find((k) => k.textContent.toLowerCase() === e.key.toLowerCase());
  if (!letter) return;
  e.preventDefault();
  letter.closest("a").click();
});

/* ---- Drafts: what was typed outlives a dialog closed by mistake, a lost connection and an expired session.
   A submitted form that is not shown again has been taken, and only then its draft goes. */
const fields = (form) => [...form.elements].filter((f) => f.matches("textarea, select, input:not([type=hidden], [type=radio])"));
/* A field that came filled in (with the present time, say) has not been touched while it holds just that. */
const untouched = (field) => field.value === field.dataset.default;
const place = (form) => `parley draft ${document.body.dataset.member} ${form.dataset.draft}`;
const drafted = () => [...document.querySelectorAll("form[data-draft]")];

function settleDrafts() {
  const submitted = sessionStorage.getItem(SUBMITTED);
  sessionStorage.removeItem(SUBMITTED);
  if (submitted && !drafted().some((form) => place(form) === submitted)) sessionStorage.removeItem(submitted);
  for (const form of drafted()) {
    const kept = JSON.parse(sessionStorage.getItem(place(form)) ?? "{}");
    for (const field of fields(form)) {
      if (!kept[field.name] || (field.value && !untouched(field) && !field.matches("select"))) continue;
      field.value = kept[field.name];
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
}
document.addEventListener("input", (e) => {
  const form = e.target.form;
  if (!form?.matches("[data-draft]")) return;
  const typed = fields(form).filter((f) => f.value && !untouched(f)).map((f) => [f.name, f.value]);
  if (typed.length) sessionStorage.setItem(place(form), JSON.stringify(Object.fromEntries(typed)));
  else sessionStorage.removeItem(place(form));
});
document.addEventListener("submit", (e) => {
  if (e.target.matches("[data-draft]")) sessionStorage.setItem(SUBMITTED, place(e.target));
});
settleDrafts();
