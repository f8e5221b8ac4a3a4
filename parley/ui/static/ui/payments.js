/* Payments: the list follows what changes, and an address can be copied from wherever it is offered. */
const list = () => document.getElementById("payments");
/* Whoever has asked for more rows keeps them: the page stays as it is until it is opened anew. */
const FIRST_PAGE = 50;
function refresh() {
  if (list() && list().querySelectorAll(".payment-row").length <= FIRST_PAGE) htmx.trigger(list(), "refresh");
}
document.addEventListener("parley:change", refresh);
document.addEventListener("parley:done", refresh);

/* Said on the button itself: a toast would lie behind the dialog. */
const SAID_FOR = 2_000;
async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    return true;
  } catch {
    /* No clipboard without TLS: the old way, from a field that has to stand where the dialog lets it be reached. */
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    field.className = "unseen";
    button.after(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    button.focus();
    return copied;
  }
}
document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]"), words = button?.lastChild;
  if (!button || "said" in button.dataset) return;
  const before = words.textContent;
  words.textContent = (await copy(button)) ? "Copied" : "Not copied";
  button.dataset.said = "";
  setTimeout(() => {
    words.textContent = before;
    delete button.dataset.said;
  }, SAID_FOR);
});
