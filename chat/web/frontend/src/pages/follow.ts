/** A moderator's page follows the text of somebody's reply. */

import { gettext } from "../i18n";

interface Told {
  type: string;
  content?: string;
  error?: string;
}

/** Shows a reply's text while it is written, and why it ended. */
export function followText(root: Document): void {
  const place = root.querySelector<HTMLElement>("[data-follow]");
  const url = place?.dataset.follow;
  if (!place || !url) return;
  const source = new EventSource(url);
  const text = place.appendChild(root.createElement("p"));
  source.onmessage = (message: MessageEvent<string>) => {
    const event = JSON.parse(message.data) as Told;
    if (event.type === "content") text.textContent = event.content ?? "";
    if (event.type === "token") text.append(event.content ?? "");
    if (event.type === "error") say(place, event.error ?? "");
    if (event.type === "expired") say(place, gettext("Your time to read this is over."));
    if (event.type === "done") say(place, gettext("The reply has ended."));
    if (["error", "expired", "done"].includes(event.type)) source.close();
  };
}

function say(place: HTMLElement, words: string): void {
  const line = place.appendChild(place.ownerDocument.createElement("p"));
  line.className = "muted";
  line.textContent = words;
}
