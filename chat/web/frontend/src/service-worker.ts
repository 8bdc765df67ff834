/**
 * What can be read without a network: the files of the front end, and the chats that were opened last. Whoever
 * logs out, or is asked to log in, takes the chats along: they are deleted before the next page is shown.
 */

interface Extendable extends Event {
  waitUntil(done: Promise<unknown>): void;
}

interface Fetching extends Extendable {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface Messaging extends Extendable {
  readonly data: unknown;
}

interface Worker {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: "install" | "activate", listener: (event: Extendable) => void): void;
  addEventListener(type: "fetch", listener: (event: Fetching) => void): void;
  addEventListener(type: "message", listener: (event: Messaging) => void): void;
}

const FILES = "files";
const CHATS = "chats";
const OFFLINE = "/offline/";
const LOGIN = "/accounts/login/";
const LOGOUT = "/accounts/logout/";
const CHAT = /^\/chat\/[0-9a-f-]{36}\/$/;
const MOST_CHATS = 20;
const MOST_FILES = 60;

const worker = self as unknown as Worker;

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(FILES).then((files) => files.add(OFFLINE)));
  void worker.skipWaiting();
});

worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

// A page that was there before its worker names what it has loaded.
worker.addEventListener("message", (event) => {
  const { files, chat } = event.data as { files: string[]; chat: string | null };
  event.waitUntil(Promise.allSettled([...files.map(addFile), chat ? visit(new Request(chat)) : null]));
});

worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (url.pathname === LOGOUT) event.respondWith(leave(event.request));
  else if (event.request.method !== "GET") return;
  else if (event.request.mode === "navigate") event.respondWith(visit(event.request));
  else if (isFile(url)) event.respondWith(file(event.request));
});

function isFile(url: URL): boolean {
  return url.pathname.startsWith("/static/") || url.pathname.startsWith("/i18n/");
}

async function leave(request: Request): Promise<Response> {
  await caches.delete(CHATS);
  return fetch(request);
}

/** The page from the server, else as it was last seen, else what there is without a network. */
async function visit(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  let response: Response;
  try {
    response = await fetch(request);
  } catch {
    const known = (await caches.match(pathname)) ?? (await caches.match(OFFLINE));
    return known ?? Response.error();
  }
  const isAsked =
    response.type === "opaqueredirect" || new URL(response.url || request.url).pathname === LOGIN;
  if (isAsked && (pathname === LOGIN || CHAT.test(pathname))) await caches.delete(CHATS);
  else if (response.ok && CHAT.test(pathname) && search === "" && !response.headers.has("X-Kept-Offline"))
    await keep(CHATS, pathname, response, MOST_CHATS);
  return response;
}

/** Files carry a hash of their content in their name, so the first copy stays right; catalogues do not. */
async function file(request: Request): Promise<Response> {
  const known = await caches.match(request);
  if (known && new URL(request.url).pathname.startsWith("/static/")) return known;
  try {
    const response = await fetch(request);
    if (response.ok) await keep(FILES, request.url, response, MOST_FILES);
    return response;
  } catch {
    return known ?? Response.error();
  }
}

async function addFile(url: string): Promise<void> {
  if (isFile(new URL(url)) && !(await caches.match(url))) await file(new Request(url));
}

async function keep(name: string, key: string, response: Response, most: number): Promise<void> {
  const copy = response.clone();
  const cache = await caches.open(name);
  await cache.delete(key);
  await cache.put(key, copy);
  const keys = (await cache.keys()).filter((request) => new URL(request.url).pathname !== OFFLINE);
  await Promise.all(keys.slice(0, Math.max(0, keys.length - most)).map((old) => cache.delete(old)));
}
