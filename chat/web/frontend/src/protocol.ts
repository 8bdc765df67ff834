// Generated from chat/realtime/protocol by `manage.py protocol_types`. Do not edit.

export const PROTOCOL_VERSION = 1;

export const MAX_CONTENT_CHARS = 60000;

export const Close = {
  "NOT_LOGGED_IN": 4401,
  "NOT_ALLOWED": 4403,
  "NO_SUCH_SESSION": 4404,
  "TOO_SLOW": 4408,
  "TOO_MANY": 4429
} as const;

export interface SendMessage {
  type: "send_message";
  content: string;
  request_id?: string | null;
  parent_id?: string | null;
  sibling_of?: string | null;
  options?: Record<string, unknown> | null;
  attachments?: string[];
}

export interface Cancel {
  type: "cancel";
  generation_id: string;
  request_id?: string | null;
}

export interface Regenerate {
  type: "regenerate";
  message_id: string;
  request_id?: string | null;
  options?: Record<string, unknown> | null;
  exactly?: boolean;
}

export interface ContinueReply {
  type: "continue_reply";
  message_id: string;
  request_id?: string | null;
}

export interface EditMessage {
  type: "edit_message";
  message_id: string;
  content: string;
  request_id?: string | null;
}

export interface Resume {
  type: "resume";
  generation_id: string;
  after_seq?: number;
  request_id?: string | null;
}

export interface TypingStart {
  type: "typing_start";
}

export interface TypingStop {
  type: "typing_stop";
}

export interface Ping {
  type: "ping";
}

export interface Reason {
  sentence: string;
  values: Record<string, string | number | Reason>;
}

export interface DroppedContext {
  messages: number;
  compressed: number;
  tokens: number;
  shifted: number;
}

export interface MessageMetrics {
  queue_ms: number | null;
  ttft_ms: number | null;
  tokens_per_second: number | null;
  prompt_tokens: number | null;
  cached_tokens: number | null;
  context_length: number | null;
  dropped: DroppedContext | null;
  worker: string;
}

export interface AttachmentView {
  id: string;
  name: string;
  kind: string;
  size_bytes: number;
}

export interface MessageView {
  id: string;
  session_id: string;
  parent_id: string | null;
  author_id: string | null;
  author_name: string | null;
  role: "assistant" | "system" | "tool" | "user";
  content: string;
  status: "cancelled" | "complete" | "failed" | "streaming";
  is_streaming: boolean;
  llm_provider: string;
  llm_model: string;
  response_time_ms: number | null;
  tokens_used: number;
  finish_reason: string | null;
  metrics: MessageMetrics;
  confidence: number | null;
  is_editable: boolean;
  is_hidden: boolean;
  reactions: Record<string, number>;
  reacted_by: Record<string, string[]>;
  reactor_names: Record<string, string>;
  attachments: AttachmentView[];
  error_message: string | null;
  error_reason: Reason | null;
  metadata: Record<string, unknown>;
  created_at: string;
  updated_at: string;
}

export interface ActiveGeneration {
  generation_id: string;
  message_id: string;
  last_seq: number;
}

export interface UsageView {
  prompt_tokens: number;
  cached_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  dropped: DroppedContext | null;
  context_length: number | null;
}

export interface GenerationMetrics {
  queue_ms: number;
  ttft_ms: number | null;
  response_time_ms: number;
  tokens_per_second: number | null;
}

export interface TokenAlternative {
  token: string;
  bytes: number[];
  logprob: number;
}

export interface TokenLogprob {
  token: string;
  bytes: number[];
  logprob: number;
  top: TokenAlternative[];
}

export interface GenerationError {
  code: string;
  message: string;
  reason: Reason | null;
  retryable: boolean;
}

export interface CommandError {
  code: string;
  message: string;
  field: string | null;
}

export interface ConnectionEstablished {
  type: "connection_established";
  session_id: string;
  user_id: string;
  connection_id: string;
  active_generations: ActiveGeneration[];
  protocol: number;
}

export interface UserJoined {
  type: "user_joined";
  user_id: string;
  username: string;
}

export interface UserLeft {
  type: "user_left";
  user_id: string;
  username: string;
}

export interface Ack {
  type: "ack";
  request_id: string | null;
  message_id: string;
  generation_id: string | null;
}

export interface MessageUpdate {
  type: "message_update";
  session_id: string;
  action: "deleted" | "new_message" | "updated";
  message: MessageView;
}

export interface SessionUpdate {
  type: "session_update";
  session_id: string;
  title: string;
}

export interface ParticipantUpdate {
  type: "participant_update";
  session_id: string;
  user_id: string;
  role: string;
}

export interface TypingIndicator {
  type: "typing_indicator";
  user_id: string;
  username: string;
  is_typing: boolean;
}

export interface GenerationQueued {
  type: "generation_queued";
  generation_id: string;
  message_id: string;
  position: number;
  eta_seconds: number | null;
}

export interface GenerationStarted {
  type: "generation_started";
  generation_id: string;
  message_id: string;
  attempt: number;
  worker: string;
  prompt_tokens: number;
  cached_tokens: number;
}

export interface DeltaEvent {
  type: "delta";
  generation_id: string;
  message_id: string;
  seq: number;
  text: string;
  tokens?: number;
  logprobs?: TokenLogprob[] | null;
}

export interface GenerationFinished {
  type: "generation_finished";
  generation_id: string;
  message_id: string;
  finish_reason: string;
  last_seq: number;
  usage: UsageView;
  metrics: GenerationMetrics;
  worker: string;
}

export interface GenerationFailed {
  type: "generation_failed";
  generation_id: string;
  message_id: string;
  error: GenerationError;
}

export interface ErrorEvent {
  type: "error";
  request_id: string | null;
  error: CommandError;
}

export interface Pong {
  type: "pong";
}

export type ClientCommand =
  | SendMessage
  | Cancel
  | Regenerate
  | ContinueReply
  | EditMessage
  | Resume
  | TypingStart
  | TypingStop
  | Ping;

export type GenerationEvent =
  | GenerationQueued
  | GenerationStarted
  | DeltaEvent
  | GenerationFinished
  | GenerationFailed;

export type SessionEvent =
  | UserJoined
  | UserLeft
  | MessageUpdate
  | SessionUpdate
  | ParticipantUpdate
  | TypingIndicator;

export type ServerEvent =
  | ConnectionEstablished
  | Ack
  | ErrorEvent
  | Pong
  | UserJoined
  | UserLeft
  | MessageUpdate
  | SessionUpdate
  | ParticipantUpdate
  | TypingIndicator
  | GenerationQueued
  | GenerationStarted
  | DeltaEvent
  | GenerationFinished
  | GenerationFailed;
