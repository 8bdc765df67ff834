/** What the chat page knows. Pure data: no timers, no DOM, no socket. */

import type { ClientCommand, MessageView, Resume } from "../protocol";

/** A reply being written. `lastSeq` is the last delta applied, -1 before the first. */
export interface LiveReply {
  readonly generationId: string;
  readonly messageId: string;
  readonly text: string;
  readonly lastSeq: number;
  /** As many as the server counted. */
  readonly tokens: number;
  readonly isStarted: boolean;
  /** A resume is under way: further gaps need no second one. */
  readonly isCatchingUp: boolean;
  readonly isCancelling: boolean;
  readonly place: number | null;
  readonly etaSeconds: number | null;
}

export interface ChatState {
  readonly sessionId: string;
  readonly userId: string;
  /** Whether this page's user may write here. */
  readonly canWrite: boolean;
  /** Oldest first. */
  readonly messages: readonly MessageView[];
  /** By generation id. */
  readonly live: Readonly<Record<string, LiveReply>>;
  /** Names by user id; never this page's own user. */
  readonly people: Readonly<Record<string, string>>;
  readonly typing: Readonly<Record<string, string>>;
  /** Models that no worker had loaded when the server was last asked. */
  readonly unserved: ReadonlySet<string>;
  /** Messages that events added, changed or deleted since the connection. */
  readonly touched: ReadonlySet<string>;
}

/** A new state and what follows from it. */
export interface Step {
  readonly state: ChatState;
  readonly commands: readonly ClientCommand[];
  /** A sentence for the live region. */
  readonly announce: string | null;
  /** Ask the server for the transcript: events alone cannot tell what was missed. */
  readonly needsTranscript: boolean;
}

const RESUME = "resume:";

export function initialState(sessionId: string, userId: string): ChatState {
  const nobody = { people: {}, typing: {}, unserved: new Set<string>() };
  return { sessionId, userId, canWrite: true, messages: [], live: {}, touched: new Set(), ...nobody };
}

/** Asks for every reply in progress to stop. */
export function stopReplies(state: ChatState): Step {
  const replies = Object.values(state.live).map((reply) => ({ ...reply, isCancelling: true }));
  const live = Object.fromEntries(replies.map((reply) => [reply.generationId, reply]));
  return step({ ...state, live }, { commands: replies.map(cancelCommand) });
}

/** The reply in progress of a message. */
export function replyOf(state: ChatState, messageId: string): LiveReply | undefined {
  return Object.values(state.live).find((reply) => reply.messageId === messageId);
}

/** Whether a message's reply has not begun because no worker has loaded its model. */
export function isUnserved(state: ChatState, message: MessageView): boolean {
  const reply = replyOf(state, message.id);
  const isWaiting = reply !== undefined && !reply.isStarted && reply.etaSeconds === null;
  return isWaiting && state.unserved.has(message.llm_model ?? "");
}

/** What a message says so far. */
export function textOf(message: MessageView, reply: LiveReply | undefined): string {
  return reply && reply.lastSeq >= 0 ? reply.text : message.content;
}

/** A step with what follows from it, if anything. */
export function step(state: ChatState, extra: Partial<Omit<Step, "state">> = {}): Step {
  return { state, commands: [], announce: null, needsTranscript: false, ...extra };
}

/** A reply nothing has been heard of yet. */
export function newReply(generationId: string, messageId: string): LiveReply {
  return {
    generationId,
    messageId,
    text: "",
    lastSeq: -1,
    tokens: 0,
    isStarted: false,
    isCatchingUp: false,
    isCancelling: false,
    place: null,
    etaSeconds: null,
  };
}

/** The reply an event speaks of, known or new. */
export function liveOf(state: ChatState, event: { generation_id: string; message_id: string }): LiveReply {
  return state.live[event.generation_id] ?? newReply(event.generation_id, event.message_id);
}

/** The state with a reply in progress. */
export function withLive(state: ChatState, reply: LiveReply): ChatState {
  return { ...state, live: { ...state.live, [reply.generationId]: reply } };
}

/** The state without a reply in progress. */
export function forget(state: ChatState, generationId: string): ChatState {
  return { ...state, live: without(state.live, generationId) };
}

/** Whether a message is known to have ended. */
export function isSettled(state: ChatState, messageId: string): boolean {
  const message = state.messages.find((other) => other.id === messageId);
  return message !== undefined && message.status !== "streaming";
}

/** Asks for what follows the last delta applied. */
export function resumeCommand(reply: LiveReply): Resume {
  const { generationId, lastSeq } = reply;
  return {
    type: "resume",
    generation_id: generationId,
    after_seq: lastSeq,
    request_id: `${RESUME}${generationId}`,
  };
}

/** Whether a request id is that of a resume. */
export function isResume(requestId: string | null): boolean {
  return requestId?.startsWith(RESUME) ?? false;
}

/** Asks for the end of a reply. */
export function cancelCommand(reply: LiveReply): ClientCommand {
  return { type: "cancel", generation_id: reply.generationId };
}

/** The order of messages. */
export function byTime(one: MessageView, other: MessageView): number {
  const order = compare(one.created_at, other.created_at);
  return order === 0 ? compare(one.id, other.id) : order;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** The record without a key. */
export function without<T>(record: Readonly<Record<string, T>>, key: string): Record<string, T> {
  const { [key]: _, ...rest } = record;
  return rest;
}
