/** Requests to the REST interface, with the page's session cookie. */

import { gettext } from "./i18n";

const ROOT = "/api/v1/chat/";

/** Asks for `path`; throws an Error with a sentence for the reader. The body, if any, is sent as JSON, or as a form. */
export async function request(method: string, path: string, body?: unknown): Promise<unknown> {
  const headers: Record<string, string> = { Accept: "application/json", "X-CSRFToken": csrfToken() };
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (body instanceof FormData) {
    init.body = body;
  } else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  return fetchJson(ROOT + path, init);
}

/** Asks for JSON; throws an Error with a sentence for the reader, whose cause is the status of a refusal. */
export async function fetchJson(url: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, init).catch(() => {
    throw new Error(gettext("The server cannot be reached. Try again."));
  });
  if (!response.ok) throw new Error(await sentence(response), { cause: response.status });
  return response.json();
}

function csrfToken(): string {
  return document.querySelector<HTMLInputElement>("input[name=csrfmiddlewaretoken]")?.value ?? "";
}

async function sentence(response: Response): Promise<string> {
  const given = (await response.json().catch(() => null)) as { details?: { message?: string } } | null;
  return given?.details?.message ?? gettext("The server refused (%(status)s).", { status: response.status });
}
