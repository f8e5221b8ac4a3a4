/* The list of opt-outs follows what others record and answer, as long as nobody has asked for more than its first page. */
const PAGE = 50;
document.addEventListener("parley:change", () => {
  const list = document.getElementById("opt-outs");
  if (list.querySelectorAll(".opt-out").length <= PAGE) htmx.trigger(list, "refresh");
});
