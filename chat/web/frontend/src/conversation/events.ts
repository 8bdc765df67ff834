/**
 * How each event of the socket changes what the page knows. Pure.
 *
 * The text of a reply in progress is the concatenation of its deltas, each applied once and in order of
 * `seq`. A repeat is dropped; a gap asks the server to resume after the last delta applied.
 */

import { gettext } from "../i18n";
import type {
  ClientCommand,
  ConnectionEstablished,
  DeltaEvent,
  GenerationFailed,
  GenerationFinished,
  MessageUpdate,
  MessageView,
  ServerEvent,
  TypingIndicator,
} from "../protocol";
import {
  byTime,
  type ChatState,
  cancelCommand,
  forget,
  isResume,
  isSettled,
  type LiveReply,
  liveOf,
  newReply,
  replyOf,
  resumeCommand,
  type Step,
  step,
  textOf,
  withLive,
  without,
} from "./state";

/** The state after `event`. */
export function applyEvent(state: ChatState, event: ServerEvent): Step {
  switch (event.type) {
    case "connection_established":
      return connect(state, event);
    case "message_update":
      return updateMessage(state, event);
    case "generation_queued": {
      if (isSettled(state, event.message_id)) return step(state);
      const waiting = { place: event.position, etaSeconds: event.eta_seconds };
      // Nobody waits when a slot is free, and then the estimate is zero.
      const isNews = event.eta_seconds !== 0 && liveOf(state, event).place !== event.position;
      const sentence = gettext("Waiting: place %(place)s", { place: event.position });
      return step(withLive(state, { ...liveOf(state, event), ...waiting }), {
        announce: isNews ? sentence : null,
        // No estimate: perhaps because no worker has loaded the model, which the transcript tells.
        needsTranscript: event.eta_seconds === null,
      });
    }
    case "generation_started":
      return isSettled(state, event.message_id) ? step(state) : start(state, liveOf(state, event));
    case "delta":
      return isSettled(state, event.message_id) ? step(state) : appendDelta(state, event);
    case "generation_finished":
      return finish(state, event);
    case "generation_failed":
      return fail(state, event);
    case "user_joined":
      return step(event.user_id === state.userId ? state : join(state, event.user_id, event.username));
    case "user_left":
      return step({
        ...state,
        people: without(state.people, event.user_id),
        typing: without(state.typing, event.user_id),
      });
    case "participant_update":
      // What that allows, the transcript tells.
      return step(state, { needsTranscript: event.user_id === state.userId });
    case "typing_indicator":
      return step(setTyping(state, event));
    case "error":
      return step(state, { needsTranscript: isResume(event.request_id) });
    default:
      return step(state);
  }
}

function connect(state: ChatState, event: ConnectionEstablished): Step {
  const live = { ...state.live };
  for (const { generation_id, message_id } of event.active_generations) {
    live[generation_id] ??= newReply(generation_id, message_id);
  }
  const commands: ClientCommand[] = [];
  for (const reply of Object.values(live)) {
    live[reply.generationId] = { ...reply, isCatchingUp: false };
    commands.push(resumeCommand(reply));
    if (reply.isCancelling) commands.push(cancelCommand(reply));
  }
  const fresh = { ...state, live, people: {}, typing: {}, touched: new Set<string>() };
  return step(fresh, { commands, needsTranscript: true });
}

function updateMessage(state: ChatState, { action, message }: MessageUpdate): Step {
  if (message.session_id !== state.sessionId) return step(state);
  const others = state.messages.filter((other) => other.id !== message.id);
  const messages = action === "deleted" ? withoutParent(others, message) : [...others, message].sort(byTime);
  const changed = { ...state, messages, touched: new Set(state.touched).add(message.id) };
  const reply = replyOf(state, message.id);
  if (!reply || (action !== "deleted" && message.status === "streaming")) return step(changed);
  const sentence = action === "deleted" ? null : ending(message.status, message.error_message);
  return step({ ...changed, live: without(state.live, reply.generationId) }, { announce: sentence });
}

/** What followed a message that is gone follows what that one did. */
function withoutParent(messages: MessageView[], gone: MessageView): MessageView[] {
  return messages.map((message) =>
    message.parent_id === gone.id ? { ...message, parent_id: gone.parent_id } : message,
  );
}

function start(state: ChatState, reply: LiveReply): Step {
  const announce = reply.isStarted ? null : gettext("Parley is replying");
  return step(withLive(state, { ...reply, isStarted: true, place: null, etaSeconds: null }), { announce });
}

function appendDelta(state: ChatState, event: DeltaEvent): Step {
  const reply = liveOf(state, event);
  if (event.seq <= reply.lastSeq) return step(state);
  if (event.seq > reply.lastSeq + 1) return catchUp(state, reply);
  const text = reply.text + event.text;
  const tokens = reply.tokens + (event.tokens ?? 0);
  return start(state, { ...reply, text, tokens, lastSeq: event.seq, isCatchingUp: false });
}

function catchUp(state: ChatState, reply: LiveReply): Step {
  const commands = reply.isCatchingUp ? [] : [resumeCommand(reply)];
  return step(withLive(state, { ...reply, isCatchingUp: true }), { commands });
}

function finish(state: ChatState, event: GenerationFinished): Step {
  if (isSettled(state, event.message_id)) return step(forget(state, event.generation_id));
  const reply = liveOf(state, event);
  if (reply.lastSeq < event.last_seq) {
    // The deltas under way arrive before this event is repeated; a transcript settles it in any case.
    return { ...catchUp(state, reply), needsTranscript: reply.isCatchingUp };
  }
  return settle(state, reply, {
    status: event.finish_reason === "cancelled" ? "cancelled" : "complete",
    finish_reason: event.finish_reason,
    tokens_used: event.usage.completion_tokens,
    response_time_ms: event.metrics.response_time_ms,
    metrics: {
      queue_ms: event.metrics.queue_ms,
      ttft_ms: event.metrics.ttft_ms,
      tokens_per_second: event.metrics.tokens_per_second,
      prompt_tokens: event.usage.prompt_tokens,
      cached_tokens: event.usage.cached_tokens,
      context_length: event.usage.context_length ?? null,
      dropped: event.usage.dropped,
      worker: event.worker,
    },
  });
}

function fail(state: ChatState, event: GenerationFailed): Step {
  if (isSettled(state, event.message_id)) return step(forget(state, event.generation_id));
  const known = state.live[event.generation_id];
  const settled = settle(state, liveOf(state, event), {
    status: "failed",
    finish_reason: "error",
    error_message: event.error.message,
    error_reason: event.error.reason,
  });
  // This event does not say how many deltas there were.
  const isIncomplete = !known || known.isCatchingUp;
  return { ...settled, needsTranscript: settled.needsTranscript || isIncomplete };
}

function settle(state: ChatState, reply: LiveReply, end: Partial<MessageView>): Step {
  const rest = forget(state, reply.generationId);
  const message = state.messages.find((other) => other.id === reply.messageId);
  if (!message) return step(rest, { needsTranscript: true });
  const content = textOf(message, reply);
  const ended: MessageView = { ...message, content, is_streaming: false, ...end };
  const messages = state.messages.map((other) => (other === message ? ended : other));
  const touched = new Set(state.touched).add(ended.id);
  const announce = ending(ended.status, ended.error_message);
  return step({ ...rest, messages, touched }, { announce });
}

function ending(status: MessageView["status"], error: string | null): string {
  if (status === "failed") return gettext("Reply failed: %(reason)s", { reason: error ?? "" });
  return status === "cancelled" ? gettext("Reply stopped") : gettext("Reply complete");
}

function join(state: ChatState, userId: string, username: string): ChatState {
  return { ...state, people: { ...state.people, [userId]: username } };
}

function setTyping(state: ChatState, event: TypingIndicator): ChatState {
  if (!event.is_typing) return { ...state, typing: without(state.typing, event.user_id) };
  if (event.user_id === state.userId) return state;
  return { ...state, typing: { ...state.typing, [event.user_id]: event.username } };
}
