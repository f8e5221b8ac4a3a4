/* A campaign as it goes: the page follows what is counted, without losing what somebody points at. */
const shown = () => document.getElementById("campaigns");
/* What is counted is told about once a second; whoever looks at a campaign wants it as soon as that. */
const OFTEN = 1_000;

let last = 0, timer = null, asking = false;
function refresh() {
  if (!shown() || timer) return;
  timer = setTimeout(async () => {
    timer = null;
    if (asking) return refresh();
    last = Date.now();
    asking = true;
    const rows = document.querySelectorAll("#campaign-list > .campaign").length;
    await htmx.ajax("GET", `${shown().dataset.live}?rows=${rows}`, { source: shown(), target: shown(), swap: "none" });
    asking = false;
  }, Math.max(0, last + OFTEN - Date.now()));
}

/* Of many filters the one that is shown may lie beyond a phone's edge. */
document.querySelector(".campaign-filters [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

/* A text that came in is nothing of a campaign's: what is counted names no conversation. */
document.addEventListener("parley:change", (e) => { if (!e.detail.conversations.length) refresh(); });
for (const done of ["parley:done", "parley:changed"]) document.addEventListener(done, () => { last = 0; refresh(); });
