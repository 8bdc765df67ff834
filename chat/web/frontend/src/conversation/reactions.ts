/** Emoji on messages: which are offered, and who gave which. */

import type { MessageView } from "../protocol";

export const LIKE = "👍";
export const DISLIKE = "👎";

/** What a reader is offered; other emoji come from programs. */
export const OFFERED: readonly string[] = [LIKE, DISLIKE, "❤️", "😂", "😮", "😢"];

export function isGiven(message: MessageView, emoji: string, userId: string): boolean {
  return message.reacted_by[emoji]?.includes(userId) ?? false;
}
