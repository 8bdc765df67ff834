/** A session as this page follows it: what is known of it, the socket, and what this person asks for. */

import { request } from "../api";
import { gettext } from "../i18n";
import { Close, type ContinueReply, type Regenerate, type SendMessage, type ServerEvent } from "../protocol";
import type { Place } from "./branches";
import { applyEvent } from "./events";
import { fetchTranscript, type Page } from "./page";
import { isGiven } from "./reactions";
import type { Run } from "./runs";
import { type Drawing, Shown } from "./shown";
import { ChatSocket, type Connection, newRequestId } from "./socket";
import { type ChatState, initialState, isResume, type Step, stopReplies } from "./state";
import { mergeTranscript, prependMessages } from "./transcript";
import { TypingNotice } from "./typing";

const RETRY_TRANSCRIPT_MS = 2_000;
const BUSY = "reply_in_progress";

type Branching = SendMessage | Regenerate | ContinueReply;

/** What the page does about it. */
export interface Listener {
  /** Something shown has changed. */
  changed(): void;
  /** The message in the composer has arrived. */
  sent(): void;
  /** An event has been taken in. */
  heard(event: ServerEvent): void;
}

/** Who has no cookie of ours: what opens the transcript, and one socket each time. */
export interface Guest {
  readonly headers: Record<string, string>;
  ticket(): Promise<string>;
}

export class Conversation {
  state: ChatState;
  connection: Connection = { kind: "connecting" };
  problem = "";
  /** The latest sentence for the live region. */
  announcement = "";
  earlierUrl: string | null;
  private readonly page: Page;
  private readonly listener: Listener;
  private readonly guest: Guest | undefined;
  private readonly socket: ChatSocket;
  private readonly typing = new TypingNotice((command) => this.socket.tell(command));
  private sending: string | null = null;
  /** The problem that the end of a reply ends. */
  private passing = "";
  private parent: string | null = null;
  /** The line of messages shown passes through this one; null: it ends at the newest. */
  private anchor: string | null;
  /** Requests whose answer names the message to show. */
  private readonly branching = new Set<string>();
  private readonly shown = new Shown();
  private refreshes = 0;
  private isBusyAbove = false;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(page: Page, listener: Listener, guest?: Guest) {
    this.page = page;
    this.guest = guest;
    this.listener = listener;
    this.earlierUrl = page.transcript.earlier_url;
    this.anchor = page.shown;
    this.state = mergeTranscript(initialState(page.session_id, page.user_id), page.transcript).state;
    this.socket = new ChatSocket({
      url: new URL(page.urls.socket, location.href.replace(/^http/, "ws")).href,
      ticket: guest?.ticket,
      onEvent: (event) => this.receive(event),
      onConnection: (connection) => {
        this.connection = connection;
        if (this.isOver) this.state = { ...this.state, canWrite: false, people: {}, typing: {} };
        this.listener.changed();
      },
    });
  }

  open(): void {
    if (this.page.is_latest) this.socket.open();
  }

  close(): void {
    clearTimeout(this.retryTimer);
    this.refreshes += 1; // an answer that comes now is to nobody's question
    this.typing.stop();
    this.socket.close();
  }

  get isSending(): boolean {
    return this.sending !== null;
  }

  /** Whether a reply is being written. */
  get isBusy(): boolean {
    return Object.keys(this.state.live).length > 0;
  }

  /** The messages shown. */
  get line(): Place[] {
    return this.shown.of(this.state.messages, this.anchor).line;
  }

  /** Those of them that are drawn, in parts. */
  get runs(): Run[] {
    return this.shown.drawn(this.state.messages, this.anchor);
  }

  /** Leaves all but the newest `count` messages, and those around the one to be shown, to `drawRest`. */
  drawFirst(count: number): void {
    this.shown.leave(this.state.messages, this.anchor, count);
  }

  /** Whether this person has no place in the session any more, or there is no such session. */
  get isOver(): boolean {
    return this.connection.kind === "closed" && this.connection.code !== Close.NOT_LOGGED_IN;
  }

  /** Why the message in the composer is not on its way, or what came of it. */
  get notice(): string {
    const isWaiting = this.isSending && !["connected", "closed"].includes(this.connection.kind);
    return (
      this.problem || (isWaiting ? gettext("Your message will be sent when the connection is back.") : "")
    );
  }

  /** Who wrote the message that the next one answers in a thread of its own; empty for the latest. */
  get answering(): string {
    const message = this.state.messages.find(({ id }) => id === this.parent);
    if (!message) return "";
    return message.role === "assistant" ? "Parley" : (message.author_name ?? gettext("Somebody"));
  }

  /** The next message follows this one; null: the latest. */
  answer(messageId: string | null): void {
    this.parent = messageId;
    this.listener.changed();
  }

  send(content: string, attachments: string[] = []): void {
    this.problem = "";
    this.sending = newRequestId();
    this.typing.stop();
    // Without an anchor the message follows the session's latest, whoever wrote that in the meantime.
    const shown = this.anchor === null ? null : (this.line.at(-1)?.message.id ?? null);
    const parent_id = this.answering ? this.parent : shown;
    if (this.answering) this.branching.add(this.sending);
    const files = attachments.length > 0 ? { attachments } : {};
    const parent = parent_id === null ? {} : { parent_id };
    this.socket.ask({ type: "send_message", content, request_id: this.sending, ...parent, ...files });
    this.listener.changed();
  }

  /** Asks for another version of something; it is shown when the server has it. */
  branch(command: Branching): void {
    this.problem = "";
    const asked = { ...command, request_id: command.request_id ?? newRequestId() };
    this.branching.add(asked.request_id);
    this.socket.ask(asked);
    this.listener.changed();
  }

  show(messageId: string): void {
    this.anchor = messageId;
    this.listener.changed();
  }

  stop(): void {
    this.take(stopReplies(this.state));
  }

  typed(isEmpty: boolean): void {
    this.problem = "";
    if (isEmpty) this.typing.stop();
    else this.typing.touch();
    this.listener.changed();
  }

  /** A request to the REST interface: its answer, or null with the refusal shown. */
  async ask<T>(method: string, path: string): Promise<T | null> {
    try {
      return (await request(method, path)) as T;
    } catch (error) {
      this.refused((error as Error).message);
      return null;
    }
  }

  /** Gives a reaction, or takes back one's own. */
  async react(messageId: string, emoji: string): Promise<void> {
    const { messages, userId } = this.state;
    const isMine = messages.some((message) => message.id === messageId && isGiven(message, emoji, userId));
    await this.ask(isMine ? "DELETE" : "PUT", `messages/${messageId}/reactions/${encodeURIComponent(emoji)}`);
  }

  /** Shows a sentence below the composer, and speaks it. A message on its way stays on it. */
  refused(message: string): void {
    this.problem = message;
    this.announce(message);
    this.listener.changed();
  }

  /** Draws what is not drawn yet. */
  async drawRest(keepingPlace: Drawing): Promise<void> {
    if (this.isBusyAbove) return;
    this.isBusyAbove = true;
    await this.shown.drawAbove(keepingPlace);
    this.isBusyAbove = false;
  }

  async loadEarlier(keepingPlace: Drawing): Promise<void> {
    if (!this.earlierUrl || this.isBusyAbove) return;
    this.isBusyAbove = true;
    try {
      const { messages, earlier_url } = await fetchTranscript(this.earlierUrl);
      this.problem = "";
      const before = this.state;
      this.state = prependMessages(before, messages);
      this.shown.leaveNew(before.messages, this.state.messages, this.anchor);
      await this.shown.drawAbove(keepingPlace);
      await keepingPlace(() => {
        this.earlierUrl = earlier_url;
      });
    } catch {
      this.refused(gettext("The earlier messages could not be loaded. Try again."));
    } finally {
      this.isBusyAbove = false;
    }
    this.listener.changed();
  }

  private receive(event: ServerEvent): void {
    if (event.type === "ack" && event.request_id) this.acknowledged(event.request_id, event.message_id);
    if (event.type === "error" && !isResume(event.request_id)) {
      if (!event.request_id || event.request_id === this.sending) this.sending = null;
      this.refused(event.error.message);
      if (event.error.code === BUSY) this.passing = event.error.message;
    }
    this.take(applyEvent(this.state, event));
    this.listener.heard(event);
  }

  private take(step: Step): void {
    const wasBusy = this.isBusy;
    this.state = step.state;
    if (wasBusy && !this.isBusy && this.problem === this.passing) this.problem = "";
    for (const command of step.commands) this.socket.tell(command);
    if (step.announce) this.announce(step.announce);
    if (step.needsTranscript) void this.refresh();
    this.listener.changed();
  }

  /** A live region speaks only what changed, so the same sentence twice needs a difference. */
  private announce(sentence: string): void {
    this.announcement = this.announcement === sentence ? `${sentence}\u00a0` : sentence;
  }

  private acknowledged(requestId: string, messageId: string): void {
    if (this.branching.delete(requestId)) this.anchor = messageId;
    if (requestId !== this.sending) return;
    this.sending = null;
    this.parent = null;
    this.listener.sent();
  }

  private async refresh(): Promise<void> {
    this.refreshes += 1;
    const mine = this.refreshes;
    clearTimeout(this.retryTimer);
    try {
      const transcript = await fetchTranscript(this.page.urls.transcript, this.guest?.headers);
      // A later question has a later answer.
      if (mine === this.refreshes) this.take(mergeTranscript(this.state, transcript));
    } catch {
      if (mine !== this.refreshes) return;
      this.retryTimer = setTimeout(() => void this.refresh(), RETRY_TRANSCRIPT_MS);
    }
  }
}
