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
  say(true);
  return true;
}
function say(wrong) {
  problem.hidden = !wrong;
  problem.classList.toggle("problem", wrong);
  file.setAttribute("aria-invalid", wrong);
}
file?.addEventListener("change", () => {
  say(false);
  tooLarge();
});
file?.form.addEventListener("submit", (e) => tooLarge() && e.preventDefault());
