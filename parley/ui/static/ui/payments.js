/* Payments: the list follows what changes, and an address can be copied from wherever it is offered. */
import { say } from "./shell.js";

const list = () => document.getElementById("payments");
/* Whoever has asked for more rows keeps them: the page stays as it is until it is opened anew. */
const FIRST_PAGE = 50;
function refresh() {
  if (list() && list().querySelectorAll(".payment-row").length <= FIRST_PAGE) htmx.trigger(list(), "refresh");
}
document.addEventListener("parley:change", refresh);
document.addEventListener("parley:done", refresh);

document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say("Link copied");
  } catch {
    /* No clipboard without TLS: people copy it themselves. */
    say("Copy this link", button.dataset.copy);
  }
});
