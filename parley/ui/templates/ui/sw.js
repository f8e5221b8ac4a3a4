/* Parley's service worker: shows pushes, opens what they are about, and stands in when the network is away.

   It keeps the offline page and what that page is made of; never a page with anybody's words. */
const CACHE = "parley {{ version }}", OFFLINE = "{{ offline }}", FILES = {{ files|safe }};

addEventListener("install", (e) => e.waitUntil((async () => {
  const cache = await caches.open(CACHE);
  await cache.addAll([OFFLINE, ...FILES].map((url) => new Request(url, { cache: "reload" })));
  await skipWaiting();
})()));

addEventListener("activate", (e) => e.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith("parley ") && name !== CACHE) await caches.delete(name);
  /* The page is asked for while this worker starts: a tap on a link waits for nobody. */
  await registration.navigationPreload?.enable();
  await clients.claim();
})()));

addEventListener("fetch", (e) => {
  const { request } = e, { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") e.respondWith(page(e));
  else if (FILES.includes(pathname)) e.respondWith(fetch(request).catch(() => caches.match(pathname)));
});

async function page(e) {
  try {
    return (await e.preloadResponse) ?? (await fetch(e.request));
  } catch {
    return caches.match(OFFLINE);
  }
}

/* ---- Pushes */
/* Safari, and every browser on an iPhone, takes the permission back from whoever is pushed to and shows nothing. */
const MUST_SHOW = /Safari\//.test(navigator.userAgent) && !/Chrome|Chromium/.test(navigator.userAgent);
addEventListener("push", (e) => e.waitUntil((async () => {
  const { title, body, url, tag } = e.data.json(), { pathname } = new URL(url, location.origin);
  const windows = await clients.matchAll({ type: "window" });
  /* Whoever looks at the conversation sees the text arrive. */
  if (!MUST_SHOW && windows.some((w) => w.visibilityState === "visible" && new URL(w.url).pathname === pathname)) return;
  await registration.showNotification(title, {
    body, tag, renotify: true, data: { url }, icon: "{{ icon }}", badge: "{{ badge }}",
  });
  await self.navigator.setAppBadge?.().catch(() => {});
})()));

addEventListener("notificationclick", (e) => {
  e.notification.close();
  e.waitUntil(open(new URL(e.notification.data.url, location.origin)));
});

async function open(url) {
  const windows = await clients.matchAll({ type: "window" });
  const there = windows.find((w) => new URL(w.url).pathname === url.pathname) ?? windows[0];
  if (!there) return clients.openWindow(url.href);
  await there.focus();
  return new URL(there.url).pathname === url.pathname ? there : there.navigate(url.href);
}

/* The browser has changed its subscription: the server must know before the next push. */
addEventListener("pushsubscriptionchange", (e) => e.waitUntil((async () => {
  const old = e.oldSubscription;
  if (!old) return;
  const next = e.newSubscription ?? (await registration.pushManager.subscribe(old.options));
  const { endpoint, keys } = next.toJSON();
  await fetch("{% url 'renew_browser' %}", { method: "POST", body: new URLSearchParams({ old: old.endpoint, endpoint, ...keys }) });
})()));
