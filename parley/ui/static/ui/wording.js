/* A form that writes for many: automatic messages, campaigns. Each wording is a field of Liquid; here its details become
   chips to write around, and the field is kept in step, for it is what is posted. What changed is known (data-changed). */
const form = document.querySelector("form[data-writes]");
const labels = JSON.parse(document.getElementById("wording-labels").textContent);
const DETAIL = /(\{\{-?\s*[A-Za-z_][\w.-]*[^{}]*\}\}|\{%-?\s*(?:if|unless|else|endif|endunless)\b[^{}]*%\})/;
const NAME = /[A-Za-z_][\w-]*\.[\w-]+/;
const editors = new Map();
/* Behind a chip a browser has no place for its caret, unless there is a letter: this one is never seen nor kept. */
const HOLD = "\u200b";
let last;

/* ---- Liquid to chips, and back */
/* {{ client.first_name }} is "First name"; {% if payment.due_date %} is "If Due date", and goes on to "End". */
function labelOf(liquid) {
  const name = labels[liquid.match(NAME)?.[0].replaceAll("-", "_")];
  if (liquid.startsWith("{{")) return name;
  const [, tag, rest] = liquid.match(/\{%-?\s*(\w+)\s*(.*?)\s*-?%\}/);
  if (tag.startsWith("end")) return "End";
  if (tag === "else") return "Else";
  /* Only the plainest condition fits a chip; any other is shown as it is written. */
  return name && !/\s/.test(rest) ? `${tag === "if" ? "If" : "Without"} ${name}` : undefined;
}

function chip(liquid) {
  const span = document.createElement("span");
  Object.assign(span, { className: "variable", contentEditable: "false", textContent: labelOf(liquid) });
  span.dataset.liquid = liquid;
  if (liquid.startsWith("{%")) span.dataset.tag = "";
  return span;
}

/* What names nothing that Parley knows stays as it is typed, so that it can be mended. */
const pieces = (text) => text.split(DETAIL).filter(Boolean).map((p) => (DETAIL.test(p) && labelOf(p) ? chip(p) : document.createTextNode(p)));

function fill(editor, text) {
  editor.replaceChildren(...pieces(text).flatMap((p) => (p.nodeType === Node.TEXT_NODE ? [p] : [p, HOLD])));
  if (!text || text.endsWith("\n")) editor.append(document.createElement("br"));
}

function read(node) {
  let said = "";
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) said += child.data;
    else if (child.dataset?.liquid) said += child.dataset.liquid;
    else if (child.nodeName === "BR") said += "\n";
    else said += (/^(DIV|P|LI)$/.test(child.nodeName) && said && !said.endsWith("\n") ? "\n" : "") + read(child);
  }
  return said.replaceAll("\u00a0", " ").replaceAll(HOLD, "");
}
const words = (editor) => read(editor).replace(/\n$/, "");

/* ---- Writing. The browser's own commands are used, for they can be undone. */
function put(editor, text) {
  const line = editor.getAttribute("aria-multiline") === "false" ? text.replace(/\s*\n\s*/g, " ") : text;
  const parts = pieces(line.replace(/\r\n?/g, "\n"));
  if (parts.every((p) => p.nodeType === Node.TEXT_NODE)) return document.execCommand("insertText", false, line);
  const holder = document.createElement("div");
  holder.append(...parts.flatMap((p) => (p.nodeType === Node.TEXT_NODE ? [p] : [p, HOLD])));
  document.execCommand("insertHTML", false, holder.innerHTML.replaceAll("\n", "<br>"));
}

/* What is taken away is what one sees: the chip, not what holds the caret behind it. */
function stepOver() {
  const selection = getSelection(), { anchorNode, anchorOffset } = selection;
  if (!selection.isCollapsed || anchorNode?.nodeType !== Node.TEXT_NODE || anchorNode.data[anchorOffset - 1] !== HOLD) return;
  selection.collapse(anchorNode, anchorOffset - 1);
}

function enhance(field) {
  const editor = document.createElement("div"), single = field.dataset.wording === "subject";
  editor.className = "wording";
  editor.contentEditable = "true";
  editor.spellcheck = true;
  editor.lang = field.lang;
  editor.setAttribute("role", "textbox");
  editor.setAttribute("aria-multiline", String(!single));
  for (const name of ["aria-label", "aria-invalid", "aria-describedby"]) {
    if (field.hasAttribute(name)) editor.setAttribute(name, field.getAttribute(name));
  }
  let composing = false;
  const keep = () => {
    field.value = words(editor);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  editor.addEventListener("compositionstart", () => (composing = true));
  editor.addEventListener("compositionend", () => ((composing = false), keep()));
  editor.addEventListener("input", (e) => {
    e.stopPropagation();
    if (!composing) keep();
  });
  editor.addEventListener("beforeinput", (e) => {
    if (e.inputType.startsWith("format")) e.preventDefault();
    if (e.inputType === "deleteContentBackward") stepOver();
    if (!/^insert(Paragraph|LineBreak)$/.test(e.inputType) || composing) return;
    e.preventDefault();
    if (!single) document.execCommand("insertLineBreak");
  });
  editor.addEventListener("paste", (e) => {
    e.preventDefault();
    put(editor, e.clipboardData.getData("text/plain"));
  });
  editor.addEventListener("drop", (e) => {
    e.preventDefault();
    const place = document.caretPositionFromPoint?.(e.clientX, e.clientY);
    editor.focus();
    if (place) getSelection().collapse(place.offsetNode, place.offset);
    put(editor, e.dataTransfer.getData("text/plain"));
  });
  for (const kind of ["copy", "cut"]) {
    editor.addEventListener(kind, (e) => {
      const selection = getSelection();
      if (selection.isCollapsed) return;
      e.preventDefault();
      e.clipboardData.setData("text/plain", read(selection.getRangeAt(0).cloneContents()));
      if (kind === "cut") document.execCommand("delete");
    });
  }
  let before = field.value;
  editor.addEventListener("blur", () => {
    if (field.value === before) return;
    before = field.value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
  /* A draft that comes back, or what was there before. */
  field.addEventListener("input", () => field.value !== words(editor) && fill(editor, field.value));
  fill(editor, field.value);
  field.before(editor);
  editors.set(editor, field);
  /* What was written before this script was there is a draft too; and whoever was writing goes on at the end. */
  if (field.value !== field.dataset.default.replace(/\r\n/g, "\n")) field.dispatchEvent(new Event("input", { bubbles: true }));
  const writing = document.activeElement === field;
  field.hidden = true;
  if (!writing) return;
  editor.focus();
  getSelection().selectAllChildren(editor);
  getSelection().collapseToEnd();
}
for (const field of form.querySelectorAll("[data-wording]")) enhance(field);

/* ---- A detail goes where the cursor last was */
document.addEventListener("selectionchange", () => {
  const { anchorNode, rangeCount } = getSelection();
  const editor = (anchorNode?.nodeType === Node.ELEMENT_NODE ? anchorNode : anchorNode?.parentElement)?.closest(".wording");
  if (editor && rangeCount && editors.has(editor)) last = { editor, range: getSelection().getRangeAt(0).cloneRange() };
});
form.addEventListener("pointerdown", (e) => e.target.closest("[data-insert]") && e.preventDefault());
form.addEventListener("mousedown", (e) => e.target.closest("[data-insert]") && e.preventDefault());
form.addEventListener("click", (e) => {
  const button = e.target.closest("[data-insert]");
  if (!button) return;
  const shown = [...editors.keys()].find((editor) => editor.offsetParent);
  const editor = last?.editor.offsetParent ? last.editor : shown;
  const selection = getSelection();
  editor.focus();
  if (last?.editor === editor && editor.contains(last.range.startContainer)) {
    selection.removeAllRanges();
    selection.addRange(last.range);
  } else {
    selection.selectAllChildren(editor);
    selection.collapseToEnd();
    if (editor.lastChild?.nodeName === "BR") selection.collapse(editor, editor.childNodes.length - 1);
  }
  put(editor, button.dataset.insert);
});

/* ---- What changed, and taking it back: against what is saved, for after an error the page comes with what was typed. */
const saved = (field) => field.dataset.default ?? field.dataset.was;
const ticked = (field) => /^(checkbox|radio)$/.test(field.type);
const now = (field) => (ticked(field) ? String(field.checked) : field.value);
const changes = () => [...form.elements].filter((field) => saved(field) !== undefined && now(field) !== saved(field).replace(/\r\n/g, "\n"));
const look = () => form.toggleAttribute("data-changed", changes().length > 0);
form.addEventListener("input", look);
form.addEventListener("change", look);
form.addEventListener("reset", (e) => {
  e.preventDefault();
  for (const field of changes()) {
    if (ticked(field)) field.checked = saved(field) === "true";
    else field.value = saved(field);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  for (const problem of form.querySelectorAll(".problem")) problem.remove();
  for (const wrong of form.querySelectorAll("[aria-invalid]")) wrong.removeAttribute("aria-invalid");
});
look();

document.addEventListener("change", (e) => e.target.matches("[data-goes]") && e.target.form.requestSubmit());
