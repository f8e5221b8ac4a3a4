/* A client's page says once that somebody sees it. Whoever only fetches it, as messengers do for a preview, runs no
   script, and a page that was loaded ahead of time is not visible yet. */
function say() {
  if (document.visibilityState !== "visible") return;
  document.removeEventListener("visibilitychange", say);
  fetch(`${location.pathname}/seen`, { method: "POST", keepalive: true }).catch(() => {});
}
document.addEventListener("visibilitychange", say);
say();
