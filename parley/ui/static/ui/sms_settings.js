/* SMS Settings: the bar that saves comes up once something changed, and the count of segments is live. */
import { count } from "./segments.js";

const form = document.getElementById("sms-settings"), output = document.getElementById("segments");
const fields = [...form.querySelectorAll("[name=mode], [name=auto_reply]")], refused = form.hasAttribute("data-changed");
/* Against what the page came with: somebody may have chosen before this script was there. */
const changed = (field) => (field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);

function look() {
  form.toggleAttribute("data-changed", refused || fields.some(changed));
  const { segments, left } = count(form.elements.auto_reply.value);
  output.innerHTML = `<b>${segments} segment${segments > 1 ? "s" : ""}</b><br>${left} left`;
  output.toggleAttribute("data-long", segments > 2);
}
form.addEventListener("input", look);
/* The fields have their old values only after the event. */
form.addEventListener("reset", () => setTimeout(look));
look();

/* Whoever chose and goes on to the app has chosen. */
form.querySelector("[data-open-app]").addEventListener("click", (e) => {
  if (!form.hasAttribute("data-changed") || e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  const then = Object.assign(document.createElement("input"), { type: "hidden", name: "then", value: "app" });
  form.append(then);
  form.requestSubmit();
});
