/** Emoji on messages: which are offered, and who gave which. */

import { gettext } from "../i18n";
import type { MessageView } from "../protocol";

export const LIKE = "👍";
export const DISLIKE = "👎";

/** What a reader is offered; other emoji come from programs. */
export const OFFERED: readonly string[] = [LIKE, DISLIKE, "❤️", "😂", "😮", "😢"];

export function isGiven(message: MessageView, emoji: string, userId: string): boolean {
  return message.reacted_by[emoji]?.includes(userId) ?? false;
}

/** Who gave it, by name; empty when nobody did. */
export function giversOf(message: MessageView, emoji: string, userId: string): string {
  const people = message.reacted_by[emoji] ?? [];
  // A server that is about to be replaced does not say the names.
  const nameOf = (id: string) => message.reactor_names?.[id] ?? gettext("Somebody");
  return people.map((id) => (id === userId ? gettext("You") : nameOf(id))).join(", ");
}
