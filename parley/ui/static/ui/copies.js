// A button with data-copies puts what the named field holds on the clipboard.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const field = document.querySelector(button.dataset.copies);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    // No clipboard without TLS: the field is marked, and the person's own keys copy it.
    return;
  }
  const said = button.firstChild;
  const before = said.data;
  said.data = "Copied";
  setTimeout(() => { said.data = before; }, 2000);
});
