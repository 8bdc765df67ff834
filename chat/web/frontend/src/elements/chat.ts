/** `<parley-chat>`: a session's messages, the composer, and the socket that keeps both up to date. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { request } from "../api";
import { lineThrough, type Place } from "../branches";
import { copyCode } from "../clipboard";
import { applyEvent } from "../events";
import { Frames } from "../frames";
import { gettext } from "../i18n";
import { fetchTranscript, type Page, readPage } from "../page";
import type { MessageView, Regenerate, SendMessage, ServerEvent } from "../protocol";
import { ScrollFollower } from "../scroll";
import { ChatSocket, type Connection, newRequestId } from "../socket";
import {
  type ChatState,
  initialState,
  isResume,
  isUnserved,
  replyOf,
  type Step,
  stopReplies,
} from "../state";
import { mergeTranscript, prependTranscript } from "../transcript";
import { TypingNotice } from "../typing";
import "./composer";
import "./confirm";
import "./connection";
import "./message";
import type { ParleyComposer } from "./composer";
import type { ParleyConfirm } from "./confirm";

const RETRY_TRANSCRIPT_MS = 2_000;

export class ParleyChat extends LitElement {
  private page!: Page;
  private state!: ChatState;
  private socket!: ChatSocket;
  private follower: ScrollFollower | undefined;
  private readonly frames = new Frames(() => this.requestUpdate());
  private readonly typing = new TypingNotice((command) => this.socket.tell(command));
  private connection: Connection = { kind: "connecting" };
  private sending: string | null = null;
  /** The line of messages shown passes through this one; null: it ends at the newest. */
  private anchor: string | null = null;
  /** Requests whose answer names the message to show. */
  private readonly branching = new Set<string>();
  private problem = "";
  private announcement = "";
  private earlierUrl: string | null = null;
  private refreshes = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.addEventListener("parley-retry", this.retry);
    this.addEventListener("parley-edit", this.edit);
    this.addEventListener("parley-delete", this.deleteMessage);
    this.addEventListener("parley-show-version", this.showVersion);
    this.addEventListener("parley-problem", this.hearProblem);
    this.addEventListener("click", copyCode);
  }

  override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.page = readPage(document);
    this.state = mergeTranscript(
      initialState(this.page.session_id, this.page.user_id),
      this.page.transcript,
    ).state;
    this.earlierUrl = this.page.transcript.earlier_url;
    this.anchor = this.page.shown;
    this.socket = new ChatSocket({
      url: new URL(this.page.urls.socket, location.href.replace(/^http/, "ws")).href,
      onEvent: (event) => this.receive(event),
      onConnection: (connection) => this.connectionChanged(connection),
    });
    if (this.page.is_latest) this.socket.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.retryTimer);
    this.typing.stop();
    this.socket.close();
  }

  override render(): TemplateResult {
    return html`
      <section class="transcript" tabindex="0" aria-label=${gettext("Conversation")}>
        <div class="column">${this.earlier()} ${this.messages()}</div>
      </section>
      <div class="dock">
        <div class="column">
          ${this.page.is_latest ? this.dock() : this.wayBack()}
          <p class="visually-hidden" role="status" aria-live="polite">${this.announcement}</p>
        </div>
      </div>
      <parley-confirm></parley-confirm>
    `;
  }

  protected override firstUpdated(): void {
    const pane = this.querySelector<HTMLElement>(".transcript");
    const content = pane?.firstElementChild;
    if (!pane || !content) return;
    this.follower = new ScrollFollower(pane, content);
    const shown = this.querySelector(`[data-message-id="${this.page.shown}"]`);
    if (shown) this.follower.show(shown);
  }

  private earlier(): TemplateResult | typeof nothing {
    if (this.earlierUrl === null) return nothing;
    const before = this.state.messages[0]?.id ?? "";
    return html`<a class="earlier" href="?before=${before}" @click=${this.loadEarlier}>${gettext("Load earlier")}</a>`;
  }

  private messages(): unknown {
    const { messages } = this.state;
    if (messages.length === 0) return html`<p class="empty">${gettext("Say something to begin.")}</p>`;
    return repeat(
      this.line(),
      ({ message }) => message.id,
      ({ message, siblings }) => html`<parley-message
        .message=${message}
        .reply=${replyOf(this.state, message.id)}
        .siblings=${siblings}
        .isUnserved=${isUnserved(this.state, message)}
        .userId=${this.page.user_id}
        .canWrite=${this.page.can_write && this.page.is_latest}
      ></parley-message>`,
    );
  }

  private line(): Place[] {
    return lineThrough(this.state.messages, this.anchor);
  }

  private dock(): TemplateResult {
    return html`
      <parley-composer
        .draftKey=${`parley-draft-${this.page.session_id}`}
        .isSending=${this.sending !== null}
        .canStop=${Object.keys(this.state.live).length > 0}
        .problem=${this.problem || this.unsent()}
        @parley-send=${this.send}
        @parley-stop=${this.stop}
        @parley-typed=${this.typed}
      ></parley-composer>
      <div class="status-line">
        <parley-connection .connection=${this.connection} .loginUrl=${this.page.urls.login}></parley-connection>
        <p class="people">${this.company()}</p>
      </div>
    `;
  }

  private wayBack(): TemplateResult {
    return html`<p class="way-back">
      ${gettext("These are earlier messages.")}
      <a href=${this.page.urls.page}>${gettext("Go to the latest")}</a>
    </p>`;
  }

  private unsent(): string {
    const isWaiting = this.sending !== null && this.connection.kind !== "connected";
    return isWaiting ? gettext("Your message will be sent when the connection is back.") : "";
  }

  private company(): string {
    const typing = Object.values(this.state.typing);
    if (typing.length === 1) return gettext("%(name)s is typing…", { name: typing[0] ?? "" });
    if (typing.length > 1) return gettext("%(names)s are typing…", { names: typing.join(", ") });
    const people = Object.values(this.state.people);
    return people.length > 0 ? gettext("Also here: %(names)s", { names: people.join(", ") }) : "";
  }

  private receive(event: ServerEvent): void {
    if (event.type === "ack" && event.request_id) this.acknowledged(event.request_id, event.message_id);
    if (event.type === "error" && !isResume(event.request_id)) this.refused(event.error.message);
    this.take(applyEvent(this.state, event));
    if (event.type === "message_update") this.nameSession(event.message);
    if (event.type === "session_update") showTitle(event.title);
  }

  private take(step: Step): void {
    this.state = step.state;
    for (const command of step.commands) this.socket.tell(command);
    if (step.announce) this.announce(step.announce);
    if (step.needsTranscript) void this.refresh();
    this.frames.request();
  }

  /** A live region speaks only what changed, so the same sentence twice needs a difference. */
  private announce(sentence: string): void {
    this.announcement = this.announcement === sentence ? `${sentence}\u00a0` : sentence;
  }

  private connectionChanged(connection: Connection): void {
    this.connection = connection;
    this.frames.request();
  }

  private send(event: CustomEvent<{ content: string }>): void {
    this.problem = "";
    this.sending = newRequestId();
    this.typing.stop();
    this.follower?.toEnd();
    // Without an anchor the message follows the session's latest, whoever wrote that in the meantime.
    const parent = this.anchor === null ? {} : { parent_id: this.line().at(-1)?.message.id ?? null };
    const { content } = event.detail;
    this.socket.ask({ type: "send_message", content, request_id: this.sending, ...parent });
    this.frames.request();
  }

  private acknowledged(requestId: string, messageId: string): void {
    if (this.branching.delete(requestId)) this.anchor = messageId;
    if (requestId === this.sending) this.sent();
  }

  private sent(): void {
    this.sending = null;
    this.querySelector<ParleyComposer>("parley-composer")?.clear();
  }

  private refused(message: string): void {
    this.sending = null;
    this.problem = message;
    this.announce(message);
  }

  private stop(): void {
    this.take(stopReplies(this.state));
  }

  private typed(event: CustomEvent<{ isEmpty: boolean }>): void {
    this.problem = "";
    if (event.detail.isEmpty) this.typing.stop();
    else this.typing.touch();
    this.frames.request();
  }

  private readonly retry = (event: Event): void => {
    const { messageId } = (event as CustomEvent<{ messageId: string }>).detail;
    this.branch({ type: "regenerate", message_id: messageId, request_id: newRequestId() });
    this.querySelector<ParleyComposer>("parley-composer")?.focus();
  };

  private readonly edit = (event: Event): void => {
    const { messageId, content } = (event as CustomEvent<{ messageId: string; content: string }>).detail;
    this.branch({ type: "send_message", content, sibling_of: messageId, request_id: newRequestId() });
    this.querySelector<ParleyComposer>("parley-composer")?.focus();
  };

  private branch(command: SendMessage | Regenerate): void {
    this.problem = "";
    const request = { ...command, request_id: command.request_id ?? newRequestId() };
    this.branching.add(request.request_id);
    this.socket.ask(request);
    this.frames.request();
  }

  private readonly showVersion = (event: Event): void => {
    this.anchor = (event as CustomEvent<{ messageId: string }>).detail.messageId;
    this.frames.request();
  };

  private readonly deleteMessage = async (event: Event): Promise<void> => {
    const { messageId } = (event as CustomEvent<{ messageId: string }>).detail;
    const dialog = this.querySelector<ParleyConfirm>("parley-confirm");
    const isSure = await dialog?.ask(gettext("Delete this message?"), gettext("Delete"));
    if (!isSure) return;
    try {
      await request("DELETE", `messages/${messageId}`);
    } catch (error) {
      this.refused((error as Error).message);
    }
    this.frames.request();
  };

  private readonly hearProblem = (event: Event): void => {
    this.refused((event as CustomEvent<{ message: string }>).detail.message);
    this.frames.request();
  };

  private async refresh(): Promise<void> {
    this.refreshes += 1;
    const mine = this.refreshes;
    clearTimeout(this.retryTimer);
    try {
      const transcript = await fetchTranscript(this.page.urls.transcript);
      // A later question has a later answer.
      if (mine === this.refreshes) this.take(mergeTranscript(this.state, transcript));
    } catch {
      this.retryTimer = setTimeout(() => void this.refresh(), RETRY_TRANSCRIPT_MS);
    }
  }

  private async loadEarlier(event: Event): Promise<void> {
    if (!this.earlierUrl) return;
    event.preventDefault();
    try {
      const transcript = await fetchTranscript(this.earlierUrl);
      this.earlierUrl = transcript.earlier_url;
      await this.keepingPlace(() => {
        this.state = prependTranscript(this.state, transcript);
      });
    } catch {
      this.refused(gettext("The earlier messages could not be loaded. Try again."));
    }
    this.frames.request();
  }

  /** What the reader looks at stays where it is. */
  private async keepingPlace(change: () => void): Promise<void> {
    const pane = this.querySelector<HTMLElement>(".transcript");
    const fromEnd = pane ? pane.scrollHeight - pane.scrollTop : 0;
    change();
    this.requestUpdate();
    await this.updateComplete;
    if (pane) pane.scrollTop = pane.scrollHeight - fromEnd;
  }

  /** The server takes a session's title from its first message; the page shows it without a reload. */
  private nameSession(message: MessageView): void {
    const heading = document.getElementById("session-title");
    if (message.role !== "user" || heading?.dataset.untitled === undefined) return;
    delete heading.dataset.untitled;
    showTitle(message.content.replace(/\s+/g, " ").trim().slice(0, 60));
  }
}

function showTitle(title: string): void {
  for (const place of document.querySelectorAll(".session-name")) place.textContent = title;
  document.title = `${title} · Parley`;
}

customElements.define("parley-chat", ParleyChat);
