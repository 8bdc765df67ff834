/** The list of chats beside the page hears when the open one has changed (`session_rows.html` listens). */

import type { ServerEvent } from "./protocol";

const CHANGES: readonly ServerEvent["type"][] = [
  "message_update",
  "generation_finished",
  "generation_failed",
];

export function tellShelf(event: ServerEvent): void {
  if (CHANGES.includes(event.type)) document.body.dispatchEvent(new Event("parley-changed"));
}
