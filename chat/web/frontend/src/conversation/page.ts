/** What the server embeds in the chat page, and answers when asked for it again. */

import type { MessageView } from "../protocol";

/** A reply that was being written when the server looked. */
export interface ReplyInProgress {
  generation_id: string;
  message_id: string;
}

/** A window of a session's messages, oldest first. `earlier_url` is null at the beginning. */
export interface Transcript {
  messages: MessageView[];
  active_generations: ReplyInProgress[];
  /** What replies in progress wait for without any worker that has loaded it. */
  unserved_models: string[];
  earlier_url: string | null;
  /** Whether this person may send, edit and delete here. */
  can_write: boolean;
}

export interface Page {
  session_id: string;
  user_id: string;
  role: "owner" | "member" | "viewer";
  /** Of one file; 0 where none may be sent. */
  max_upload_bytes: number;
  /** Of one reply. */
  max_tokens: number;
  /** Whether the window ends at the newest message, so that events continue it. */
  is_latest: boolean;
  /** The message to scroll to. */
  shown: string | null;
  transcript: Transcript;
  urls: { socket: string; transcript: string; page: string; login: string };
}

/** The page's data. Throws when the server did not embed any. */
export function readPage(root: Document): Page {
  const text = root.getElementById("chat-page")?.textContent;
  if (!text) throw new Error("the page carries no chat");
  return JSON.parse(text) as Page;
}

/** Asks the server for a transcript; throws unless it answers with one. */
export async function fetchTranscript(url: string, login: Record<string, string> = {}): Promise<Transcript> {
  const headers = { Accept: "application/json", ...login };
  const response = await fetch(url, { headers, credentials: "same-origin" });
  if (!response.ok || response.redirected) throw new Error(`${response.status} for the transcript`);
  return (await response.json()) as Transcript;
}
