/** How the server's transcript joins what events have told. Pure. */

import type { MessageView, Resume } from "../protocol";
import type { Transcript } from "./page";
import { byTime, type ChatState, isSettled, newReply, resumeCommand, type Step, step } from "./state";

/**
 * The state with the server's transcript taken in. The transcript may have been read before or after the
 * latest events: of each message the newer version stays, and what events added or deleted since the
 * connection stays so. Everything else in its window becomes what the server says.
 */
export function mergeTranscript(state: ChatState, transcript: Transcript): Step {
  const mine = new Map(state.messages.map((message) => [message.id, message]));
  const told = new Set(transcript.messages.map((message) => message.id));
  const start = transcript.earlier_url === null ? undefined : transcript.messages[0];
  const kept = state.messages.filter(
    (message) =>
      !told.has(message.id) && (state.touched.has(message.id) || (start && isBefore(message, start))),
  );
  const taken = transcript.messages
    .filter((message) => mine.has(message.id) || !state.touched.has(message.id))
    .map((message) => newer(mine.get(message.id), message));
  const unserved = new Set(transcript.unserved_models);
  // A server that is about to be replaced does not say it.
  const canWrite = transcript.can_write ?? state.canWrite;
  const merged = { ...state, canWrite, unserved, messages: [...kept, ...taken].sort(byTime) };
  const open = Object.values(state.live).filter((reply) => !isSettled(merged, reply.messageId));
  const live = Object.fromEntries(open.map((reply) => [reply.generationId, reply]));
  const commands: Resume[] = [];
  for (const { generation_id, message_id } of transcript.active_generations) {
    if (live[generation_id] || isSettled(merged, message_id)) continue;
    live[generation_id] = newReply(generation_id, message_id);
    commands.push(resumeCommand(live[generation_id]));
  }
  return step({ ...merged, live }, { commands });
}

/** The state with earlier messages in front. */
export function prependMessages(state: ChatState, messages: readonly MessageView[]): ChatState {
  const known = new Set(state.messages.map((message) => message.id));
  const earlier = messages.filter((message) => !known.has(message.id));
  return { ...state, messages: [...earlier, ...state.messages].sort(byTime) };
}

function newer(mine: MessageView | undefined, theirs: MessageView): MessageView {
  if (!mine) return theirs;
  // An end is final, and a `generation_finished` does not tell the row's new time; unless the reply goes on.
  if (mine.status !== "streaming" && theirs.status === "streaming" && !goesOn(mine, theirs)) return mine;
  return mine.updated_at > theirs.updated_at || isSame(mine, theirs) ? mine : theirs;
}

/** Nothing is drawn again for the server's saying the same again. */
function isSame(mine: MessageView, theirs: MessageView): boolean {
  return JSON.stringify(mine) === JSON.stringify(theirs);
}

function goesOn(mine: MessageView, theirs: MessageView): boolean {
  return mine.content !== "" && mine.content === theirs.content && theirs.updated_at > mine.updated_at;
}

function isBefore(one: MessageView, other: MessageView): boolean {
  return byTime(one, other) < 0;
}
