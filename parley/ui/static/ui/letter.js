/* Send Message, step 2: what the text costs, and which way it goes. */
import { count, plain, special } from "./segments.js";

const LONG = 2;
const letters = () => document.querySelectorAll("form[data-letter]");
const number = (n) => n.toLocaleString("en");

function measure(form) {
  const { body, channel } = form.elements, text = body.value, sms = channel.value === "sms";
  const { segments, left, encoding } = count(text), output = form.querySelector(".segments");
  output.innerHTML = `<b>${segments} segment${segments > 1 ? "s" : ""}</b><br>${left} left`;
  output.toggleAttribute("data-long", segments > LONG);
  output.hidden = !sms || !text;

  const dear = sms && encoding === "UCS-2", costly = form.querySelector("[data-costly]");
  costly.hidden = !dear;
  if (dear) {
    const odd = special(text);
    costly.querySelector("span").textContent =
      `${odd.slice(0, 3).join(" ")} ${odd.length > 1 ? "make" : "makes"} a segment hold 70 characters, not 160.`;
    costly.querySelector("button").hidden = plain(text) === text;
  }

  const length = [...text.trim()].length, longest = Number(form.dataset.longest), over = sms && length > longest;
  const problem = form.querySelector("[data-too-long]");
  if (over || "over" in problem.dataset) {
    problem.hidden = !over;
    problem.toggleAttribute("data-over", over);
    body.toggleAttribute("aria-invalid", false);
    if (over) body.setAttribute("aria-invalid", "true");
    problem.querySelector("span").textContent = over
      ? `This text has ${number(length)} characters, ${number(length - longest)} more than the ${number(longest)} a text can hold.` : "";
  }
}

function dress(form) {
  const { body, channel } = form.elements, email = channel.value === "email";
  body.placeholder = `${email ? "Email" : "Text"} ${form.dataset.calls}`;
  form.querySelector(".send-button").setAttribute("aria-label", email ? "Send email" : "Send text");
  for (const shown of form.querySelectorAll("[data-via]")) shown.hidden = shown.dataset.via !== channel.value;
  measure(form);
}

const letterOf = (e) => e.target.closest?.("form[data-letter]");
document.addEventListener("input", (e) => letterOf(e) && measure(letterOf(e)));
document.addEventListener("change", (e) => letterOf(e) && dress(letterOf(e)));
document.addEventListener("click", (e) => {
  const form = letterOf(e);
  if (!form) return;
  const { body, channel, subject } = form.elements;
  if (e.target.closest("[data-by-email]")) {
    e.preventDefault();
    channel.value = "email";
    dress(form);
    (subject.value ? body : subject).focus();
  } else if (e.target.closest("[data-plain]")) {
    body.value = plain(body.value);
    body.dispatchEvent(new Event("input", { bubbles: true }));
    body.focus();
  }
});
document.addEventListener("keydown", (e) => {
  const form = letterOf(e);
  if (!form || e.key !== "Enter" || e.isComposing) return;
  if (e.metaKey || e.ctrlKey) form.requestSubmit(form.querySelector(".send-button"));
  /* Whoever has written the subject goes on to the message; half a letter is not sent. */
  else if (e.target === form.elements.subject) e.preventDefault(), form.elements.body.focus();
});
document.addEventListener("htmx:after:swap", () => letters().forEach(dress));
letters().forEach(dress);
