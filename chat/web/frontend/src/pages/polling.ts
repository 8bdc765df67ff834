const EVERY_MS = 2000;

/** Keeps a part of the page fresh until the server says that there is nothing more to come. */
export function pollPart(root: Document): void {
  const part = root.querySelector<HTMLElement>("[data-poll]");
  const url = part?.dataset.poll;
  if (!part || !url) return;
  const look = async (): Promise<void> => {
    if (root.visibilityState === "visible" && !part.contains(root.activeElement)) {
      const response = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
      if (response?.redirected) return root.location.reload();
      if (response?.ok) show(part, await response.text());
      if (response?.headers.get("X-Poll") === "done") return root.location.reload();
    }
    window.setTimeout(look, EVERY_MS);
  };
  window.setTimeout(look, EVERY_MS);
}

/** What the answer says of another part of the page goes there: `data-text-for` names it. */
function show(part: HTMLElement, html: string): void {
  part.innerHTML = html;
  for (const told of part.querySelectorAll<HTMLElement>("[data-text-for]")) {
    const place = document.getElementById(told.dataset.textFor ?? "");
    if (place && place.textContent !== told.textContent) place.textContent = told.textContent;
  }
}
