/** Rows, events and a socket to test with. */

import { vi } from "vitest";
import { applyEvent } from "../src/conversation/events";
import type { Page, Transcript } from "../src/conversation/page";
import { type ChatState, initialState, type Step } from "../src/conversation/state";
import type {
  ActiveGeneration,
  ConnectionEstablished,
  DeltaEvent,
  GenerationFinished,
  GenerationQueued,
  GenerationStarted,
  MessageUpdate,
  MessageView,
  ServerEvent,
} from "../src/protocol";

export const SESSION = "5e551011-0000-4000-8000-000000000000";
export const ME = "user-me";
export const REPLY = "message-reply";
export const GENERATION = "generation-1";

export function messageView(fields: Partial<MessageView> = {}): MessageView {
  const status = fields.status ?? "complete";
  return {
    id: "message-1",
    session_id: SESSION,
    parent_id: null,
    author_id: ME,
    author_name: "ada",
    role: "user",
    content: "Hello",
    status,
    is_streaming: status === "streaming",
    llm_provider: "LOCAL",
    llm_model: "demo",
    response_time_ms: null,
    tokens_used: 0,
    finish_reason: null,
    metrics: {
      queue_ms: null,
      ttft_ms: null,
      tokens_per_second: null,
      prompt_tokens: null,
      cached_tokens: null,
      context_length: null,
      dropped: null,
      worker: "",
    },
    confidence: null,
    is_editable: false,
    is_hidden: false,
    reactions: {},
    reacted_by: {},
    reactor_names: {},
    attachments: [],
    error_message: null,
    error_reason: null,
    metadata: {},
    created_at: "2026-01-01T10:00:00Z",
    updated_at: "2026-01-01T10:00:00Z",
    ...fields,
  };
}

export function replyView(fields: Partial<MessageView> = {}): MessageView {
  return messageView({
    id: REPLY,
    parent_id: "message-1",
    role: "assistant",
    content: "",
    status: "streaming",
    created_at: "2026-01-01T10:00:01Z",
    updated_at: "2026-01-01T10:00:01Z",
    ...fields,
  });
}

export function transcript(messages: MessageView[] = [], fields: Partial<Transcript> = {}): Transcript {
  return {
    messages,
    active_generations: [],
    unserved_models: [],
    earlier_url: null,
    can_write: true,
    ...fields,
  };
}

export function page(fields: Partial<Page> = {}): Page {
  return {
    session_id: SESSION,
    user_id: ME,
    role: "owner",
    max_upload_bytes: 1_000,
    max_tokens: 1_000,
    is_latest: true,
    shown: null,
    transcript: transcript(),
    urls: { socket: "/socket", transcript: "/transcript/", page: "/chat/", login: "/login/?next=/chat/" },
    ...fields,
  };
}

const ids = { generation_id: GENERATION, message_id: REPLY };

export function established(...active: ActiveGeneration[]): ConnectionEstablished {
  return {
    type: "connection_established",
    session_id: SESSION,
    user_id: ME,
    connection_id: "connection-1",
    active_generations: active,
    protocol: 1,
  };
}

export function update(message: MessageView, action: MessageUpdate["action"] = "updated"): MessageUpdate {
  return { type: "message_update", session_id: message.session_id, action, message };
}

export function queued(position: number, eta_seconds: number | null = null): GenerationQueued {
  return { type: "generation_queued", ...ids, position, eta_seconds };
}

export function started(): GenerationStarted {
  return {
    type: "generation_started",
    ...ids,
    attempt: 1,
    worker: "worker-1",
    prompt_tokens: 9,
    cached_tokens: 2,
  };
}

export function delta(seq: number, text = `w${seq} `): DeltaEvent {
  return { type: "delta", ...ids, seq, text };
}

export function finished(last_seq: number, finish_reason = "stop"): GenerationFinished {
  return {
    type: "generation_finished",
    ...ids,
    finish_reason,
    last_seq,
    usage: {
      prompt_tokens: 9,
      cached_tokens: 2,
      completion_tokens: 5,
      total_tokens: 14,
      dropped: null,
      context_length: null,
    },
    metrics: { queue_ms: 1, ttft_ms: 20, response_time_ms: 300, tokens_per_second: 16.7 },
    worker: "shed-1",
  };
}

export function failed(message = "The worker stopped."): ServerEvent {
  return {
    type: "generation_failed",
    ...ids,
    error: { code: "engine_failed", message, reason: null, retryable: true },
  };
}

/** The last step of applying `events` in order, with every command and announcement on the way. */
export function applyAll(start: ChatState, ...events: ServerEvent[]): Step {
  let state = start;
  const commands: Step["commands"][number][] = [];
  let announce: string | null = null;
  let needsTranscript = false;
  for (const event of events) {
    const step = applyEvent(state, event);
    state = step.state;
    commands.push(...step.commands);
    announce = step.announce ?? announce;
    needsTranscript ||= step.needsTranscript;
  }
  return { state, commands, announce, needsTranscript };
}

/** A state with a user's message and the empty reply to it. */
export function waitingState(): ChatState {
  return { ...initialState(SESSION, ME), messages: [messageView(), replyView()] };
}

/** Stands in for the browser's WebSocket; the test plays the server. */
export class FakeWebSocket {
  static all: FakeWebSocket[] = [];

  static get last(): FakeWebSocket {
    const socket = FakeWebSocket.all.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  readonly url: string;
  readonly sent: Record<string, unknown>[] = [];
  isClosed = false;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(url: string) {
    this.url = url;
    FakeWebSocket.all.push(this);
  }

  send(frame: string): void {
    this.sent.push(JSON.parse(frame) as Record<string, unknown>);
  }

  close(): void {
    this.isClosed = true;
  }

  serve(event: ServerEvent): void {
    this.onmessage?.({ data: JSON.stringify(event) });
  }

  fail(code = 1006): void {
    this.onclose?.({ code });
  }
}

export function useFakeWebSocket(): void {
  FakeWebSocket.all = [];
  vi.stubGlobal("WebSocket", FakeWebSocket);
}
