/**
 * The chat socket: connects, reconnects with jitter, and keeps asking until a request is answered.
 *
 * A request carries a `request_id`, under which the server does it once, so it is sent again after every
 * reconnect until its `ack` or `error` arrives.
 */

import { gettext } from "../i18n";
import {
  type ClientCommand,
  Close,
  type ContinueReply,
  type EditMessage,
  type Regenerate,
  type SendMessage,
  type ServerEvent,
} from "../protocol";

export type Request = (SendMessage | Regenerate | ContinueReply | EditMessage) & { request_id: string };

export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "connected" }
  | { readonly kind: "waiting"; readonly retryAt: number }
  | { readonly kind: "closed"; readonly code: number };

export interface SocketOptions {
  url: string;
  /** Opens one socket, where no cookie does. */
  ticket?: (() => Promise<string>) | undefined;
  onEvent(event: ServerEvent): void;
  onConnection(connection: Connection): void;
  /** Uniform in [0, 1). */
  random?: () => number;
}

export const FIRST_DELAY_MS = 500;
export const LONGEST_DELAY_MS = 15_000;
export const SHORTEST_DELAY_MS = 100;
export const QUIET_MS = 25_000;
export const ANSWER_MS = 10_000;

const AWAY = 1006;
const FRAME_TOO_BIG = 1009;
const FINAL_CODES: readonly number[] = [Close.NOT_LOGGED_IN, Close.NOT_ALLOWED, Close.NO_SUCH_SESSION];
const PATIENT_ATTEMPT = 6;

/** The delay before reconnect number `attempt` (from 0): full jitter under a doubling, capped bound. */
export function reconnectDelay(attempt: number, random: number): number {
  const bound = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 20));
  return Math.max(SHORTEST_DELAY_MS, Math.round(random * bound));
}

/** An id no one else uses. Works without a secure context, where `crypto.randomUUID` is missing. */
export function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class ChatSocket {
  private readonly options: SocketOptions;
  private readonly random: () => number;
  private readonly unanswered = new Map<string, Request>();
  private socket: WebSocket | null = null;
  private connection: Connection = { kind: "connecting" };
  private attempt = 0;
  private dials = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SocketOptions) {
    this.options = options;
    this.random = options.random ?? Math.random;
  }

  open(): void {
    window.addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.connect();
  }

  close(): void {
    window.removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.dials += 1; // a ticket that comes now opens nothing
    this.drop();
  }

  /** Sends a command that is worthless later. False when there is no connection. */
  tell(command: ClientCommand): boolean {
    if (this.connection.kind !== "connected" || !this.socket) return false;
    this.socket.send(JSON.stringify(command));
    return true;
  }

  /** Sends a request now or at the next connection, again and again until it is answered. */
  ask(request: Request): void {
    this.unanswered.set(request.request_id, request);
    this.tell(request);
  }

  /** Takes back a request; it may have been done already. */
  withdraw(requestId: string): void {
    this.unanswered.delete(requestId);
  }

  private connect(): void {
    this.drop();
    this.become({ kind: "connecting" });
    if (this.options.ticket) void this.dialWith(this.options.ticket);
    else this.dial(this.options.url);
  }

  private async dialWith(ticket: () => Promise<string>): Promise<void> {
    this.dials += 1;
    const mine = this.dials;
    const url = await ticket().then(
      (opens) => `${this.options.url}?ticket=${encodeURIComponent(opens)}`,
      () => null,
    );
    if (mine !== this.dials) return;
    if (url) this.dial(url);
    else this.closed(AWAY);
  }

  private dial(url: string): void {
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onmessage = (message: MessageEvent<string>) =>
      this.receive(JSON.parse(message.data) as ServerEvent);
    socket.onclose = (event) => this.closed(event.code);
    this.expectAnswer();
  }

  private receive(event: ServerEvent): void {
    this.schedule(QUIET_MS, this.probe);
    if ((event.type === "ack" || event.type === "error") && event.request_id) {
      this.unanswered.delete(event.request_id);
    }
    if (event.type === "connection_established") {
      this.attempt = 0;
      this.become({ kind: "connected" });
    }
    this.options.onEvent(event);
    if (event.type === "connection_established") {
      for (const request of this.unanswered.values()) this.tell(request);
    }
  }

  private closed(code: number): void {
    this.drop();
    if (FINAL_CODES.includes(code)) {
      this.become({ kind: "closed", code });
      return;
    }
    if (code === FRAME_TOO_BIG) this.refuseAll();
    if (code === Close.TOO_MANY) this.attempt = Math.max(this.attempt, PATIENT_ATTEMPT);
    const delay = reconnectDelay(this.attempt, this.random());
    this.attempt += 1;
    this.become({ kind: "waiting", retryAt: Date.now() + delay });
    this.schedule(delay, () => this.connect());
  }

  /** A frame the server will never take must not be sent for ever. */
  private refuseAll(): void {
    const message = gettext("This message is too long to send.");
    for (const request_id of this.unanswered.keys()) {
      this.options.onEvent({
        type: "error",
        request_id,
        error: { code: "too_big", message, field: "content" },
      });
    }
    this.unanswered.clear();
  }

  private readonly probe = (): void => {
    this.tell({ type: "ping" });
    this.expectAnswer();
  };

  private expectAnswer(): void {
    this.schedule(ANSWER_MS, () => this.closed(0));
  }

  private readonly wake = (): void => {
    if (document.visibilityState === "hidden") return;
    if (this.connection.kind === "waiting") this.connect();
    else if (this.connection.kind === "connected") this.probe();
  };

  private drop(): void {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private schedule(delay: number, action: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(action, delay);
  }

  private become(connection: Connection): void {
    this.connection = connection;
    this.options.onConnection(connection);
  }
}
