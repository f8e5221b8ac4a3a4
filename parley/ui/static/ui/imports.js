/* An import that runs follows the server's nudges; a file that is too large is told before it is sent for nothing. */
document.addEventListener("parley:change", () => {
  const running = document.querySelector("#import[data-running]");
  if (running) htmx.trigger(running, "refresh");
});

const file = document.getElementById("file"), problem = document.getElementById("file-problem");
function tooLarge() {
  const size = file.files[0]?.size ?? 0, most = Number(file.dataset.most), mb = (bytes) => Math.round(bytes / 1024 / 1024);
  if (size <= most) return false;
  problem.querySelector("span").textContent = `This file has ${mb(size)} MB. The most is ${mb(most)} MB: split it, and import one part after the other.`;
  problem.hidden = false;
  file.setAttribute("aria-invalid", "true");
  return true;
}
file?.addEventListener("change", () => {
  problem.hidden = true;
  file.removeAttribute("aria-invalid");
  tooLarge();
});
file?.form.addEventListener("submit", (e) => tooLarge() && e.preventDefault());
