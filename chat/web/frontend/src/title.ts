/** The session's title, wherever the page shows it. */

import type { ServerEvent } from "./protocol";

const CHARS = 60;

/** Shows what an event says of the title: the server takes it from the first message, or the model finds one. */
export function showTitle(event: ServerEvent): void {
  const heading = document.getElementById("session-title");
  if (event.type === "session_update") show(event.title);
  if (event.type !== "message_update" || event.message.role !== "user") return;
  if (heading?.dataset.untitled === undefined) return;
  delete heading.dataset.untitled;
  show(event.message.content.replace(/\s+/g, " ").trim().slice(0, CHARS));
}

function show(title: string): void {
  for (const place of document.querySelectorAll(".session-name")) place.textContent = title;
  document.title = `${title} · Parley`;
}
