/** Emoji on messages: who gave which, and giving or taking back one's own. */

import { request } from "./api";
import type { MessageView } from "./protocol";

export const LIKE = "👍";
export const DISLIKE = "👎";

/** What a reader is offered; other emoji come from programs. */
export const OFFERED: readonly string[] = [LIKE, DISLIKE, "❤️", "😂", "😮", "😢"];

export function isGiven(message: MessageView, emoji: string, userId: string): boolean {
  return message.reacted_by[emoji]?.includes(userId) ?? false;
}

/** Gives a reaction, or takes it back; `element` says what the server has against it. */
export async function react(
  element: Element,
  message: MessageView,
  emoji: string,
  userId: string,
): Promise<void> {
  const method = isGiven(message, emoji, userId) ? "DELETE" : "PUT";
  try {
    await request(method, `messages/${message.id}/reactions/${encodeURIComponent(emoji)}`);
  } catch (error) {
    const detail = { message: (error as Error).message };
    element.dispatchEvent(new CustomEvent("parley-problem", { bubbles: true, detail }));
  }
}
