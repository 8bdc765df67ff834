/** Installs the service worker, and lists on the offline page the chats that it keeps. */

const WORKER = "/service-worker.js";
const CHATS = "chats";

/** What is loaded already is told to the worker, which was not there to see it. */
export async function installWorker(root: Document): Promise<void> {
  if (!("serviceWorker" in navigator) || root.documentElement.hasAttribute("data-embedded")) return;
  await navigator.serviceWorker.register(WORKER).catch(() => null);
  if (navigator.serviceWorker.controller) return;
  const registration = await navigator.serviceWorker.ready;
  const files = performance.getEntriesByType("resource").map((entry) => entry.name);
  const chat = root.getElementById("chat-page") && !location.search ? location.href : null;
  registration.active?.postMessage({ files: files.filter((url) => url.startsWith(location.origin)), chat });
}

/** Fills `[data-kept-chats]` with links, the one opened last first. */
export async function listKeptChats(root: Document): Promise<void> {
  const list = root.querySelector("[data-kept-chats]");
  if (!list || !("caches" in globalThis)) return;
  const cache = await caches.open(CHATS);
  const requests = await cache.keys();
  const links = [...requests].reverse().map(async (request) => {
    const page = await (await cache.match(request))?.text();
    const title = new DOMParser().parseFromString(page ?? "", "text/html").querySelector("h1");
    const link = root.createElement("a");
    link.href = new URL(request.url).pathname;
    link.textContent = title?.textContent ?? "";
    const item = root.createElement("li");
    item.append(link);
    return item;
  });
  list.replaceChildren(...(await Promise.all(links)));
}
