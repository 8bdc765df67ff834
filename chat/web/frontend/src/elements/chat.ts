/** `<parley-chat>`: a session's messages, the composer, and what is known of both. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import { copyCode } from "../clipboard";
import type { Place } from "../conversation/branches";
import { company } from "../conversation/company";
import { Conversation } from "../conversation/conversation";
import { type Page, readPage } from "../conversation/page";
import type { Run } from "../conversation/runs";
import { type ChatState, isUnserved, replyOf } from "../conversation/state";
import { type DialogName, isDialog, openDialog } from "../dialogs";
import { Frames } from "../frames";
import { gettext } from "../i18n";
import { SETTINGS_SAVED } from "../limits";
import { type Deletion, offerUndo } from "../pages/undo";
import { ScrollFollower } from "../scroll";
import { tellShelf } from "../shelf";
import { showTitle } from "../title";
import "./composer";
import { confirmed } from "./confirm";
import "./connection";
import "./context";
import "./message";
import type { ParleyComposer } from "./composer";
import type { ParleyMessage } from "./message";

/** No message is shorter: so many fill the window. */
const SHORTEST_MESSAGE_PX = 110;

export class ParleyChat extends LitElement {
  private page!: Page;
  private conversation!: Conversation;
  private follower: ScrollFollower | undefined;
  private readonly frames = new Frames(() => this.requestUpdate());

  constructor() {
    super();
    this.hear("parley-retry", (detail) => this.branch({ type: "regenerate", message_id: detail.messageId }));
    this.hear("parley-rerun", (detail) =>
      this.branch({ type: "regenerate", message_id: detail.messageId, exactly: true }),
    );
    this.hear("parley-continue", (detail) =>
      this.branch({ type: "continue_reply", message_id: detail.messageId }),
    );
    this.hear("parley-edit", ({ messageId, content }) => {
      this.follower?.toEnd();
      this.branch({ type: "send_message", content: content ?? "", sibling_of: messageId });
    });
    this.hear("parley-delete", (detail) => void this.deleteMessage(detail.messageId));
    this.hear("parley-show-version", (detail) => void this.showVersion(detail.messageId));
    this.hear("parley-react", (detail) => void this.conversation.react(detail.messageId, detail.emoji ?? ""));
    this.hear("parley-start-editing", () => this.follower?.letGo());
    this.hear("parley-stop-editing", () => this.composer?.focus());
    this.hear("parley-quote", (detail) => this.quote(detail.messageId));
    this.hear("parley-answer", (detail) => this.answer(detail.messageId));
    this.addEventListener("click", copyCode);
  }

  override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.page = readPage(document);
    this.conversation = new Conversation(this.page, {
      changed: () => this.frames.request(),
      sent: () => this.composer?.clear(),
      heard: (event) => {
        showTitle(event);
        tellShelf(event);
      },
    });
    this.conversation.drawFirst(Math.ceil(innerHeight / SHORTEST_MESSAGE_PX));
    this.conversation.open();
    document.addEventListener("click", this.openFromBar);
    window.addEventListener(SETTINGS_SAVED, this.renew);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.conversation.close();
    document.removeEventListener("click", this.openFromBar);
    window.removeEventListener(SETTINGS_SAVED, this.renew);
  }

  override render(): TemplateResult {
    return html`
      <section class="transcript" tabindex="0" aria-label=${gettext("Conversation")}>
        <div class="column">${this.earlier()} ${this.messages()}</div>
      </section>
      <div class="dock">
        <div class="column">
          ${this.page.is_latest ? this.dock() : this.wayBack()}
          <p class="visually-hidden" role="status" aria-live="polite">${this.conversation.announcement}</p>
        </div>
      </div>
    `;
  }

  protected override firstUpdated(): void {
    const pane = this.querySelector<HTMLElement>(".transcript");
    const content = pane?.firstElementChild;
    if (!pane || !content) return;
    this.follower = new ScrollFollower(pane, content, () => {
      if (this.conversation.problem === "") this.loadEarlier();
    });
    void this.drawRest();
  }

  /** What is out of sight can wait. */
  private async drawRest(): Promise<void> {
    if (this.page.shown !== null) await this.show(this.page.shown);
    await this.conversation.drawRest((change) => this.keepingPlace(change));
  }

  private async show(messageId: string): Promise<void> {
    const elements = [...this.querySelectorAll<ParleyMessage>("parley-message")];
    await Promise.all(elements.map((element) => element.updateComplete));
    const shown = elements.find((element) => element.message.id === messageId);
    if (shown) this.follower?.show(shown);
  }

  private get canWrite(): boolean {
    return this.conversation.state.canWrite && this.page.is_latest;
  }

  private get composer(): ParleyComposer | null {
    return this.querySelector<ParleyComposer>("parley-composer");
  }

  private earlier(): TemplateResult | typeof nothing {
    if (this.conversation.earlierUrl === null) return nothing;
    const before = this.conversation.state.messages[0]?.id ?? "";
    return html`<a class="earlier" href="?before=${before}" @click=${this.askForEarlier}>${gettext("Load earlier")}</a>`;
  }

  private messages(): unknown {
    const { state, runs } = this.conversation;
    if (runs.length === 0) return html`<p class="empty">${gettext("Say something to begin.")}</p>`;
    const newest = runs.at(-1);
    const replying = new Set(Object.values(state.live).map(({ messageId }) => messageId));
    return repeat(
      runs,
      ({ key }) => key,
      (run) => html`<div class="run">${this.run(run, replying, run === newest)}</div>`,
    );
  }

  /** Looked at again only where something in it has changed: a long chat has a thousand of them. */
  private run(run: Run, replying: ReadonlySet<string>, isNewest: boolean): unknown {
    const { state } = this.conversation;
    const isLive = replying.size > 0 && run.places.some(({ message }) => replying.has(message.id));
    const about = isLive ? [state.live, state.unserved] : [];
    return guard([run, isNewest, this.canWrite, this.page.max_tokens, ...about], () =>
      repeat(
        run.places,
        ({ message }) => message.id,
        (place) => this.message(state, place, isNewest && place === run.places.at(-1)),
      ),
    );
  }

  private message(state: ChatState, place: Place, isNewest: boolean): TemplateResult {
    const { message, siblings } = place;
    return html`<parley-message
      ?data-newest=${isNewest}
      .message=${message}
      .reply=${replyOf(state, message.id)}
      .siblings=${siblings}
      .isUnserved=${isUnserved(state, message)}
      .userId=${this.page.user_id}
      .maxTokens=${this.page.max_tokens}
      .canWrite=${this.canWrite}
    ></parley-message>`;
  }

  private dock(): TemplateResult {
    const { conversation } = this;
    return html`
      ${conversation.isOver ? nothing : conversation.state.canWrite ? this.writing() : this.reading()}
      <div class="status-line">
        <parley-connection
          .connection=${conversation.connection}
          .loginUrl=${this.page.urls.login}
        ></parley-connection>
        <p class="people">${company(conversation.state)}</p>
        <parley-context .message=${this.latestReply()}></parley-context>
      </div>
    `;
  }

  private writing(): TemplateResult {
    const { conversation } = this;
    return html`<parley-composer
      .page=${this.page}
      .isSending=${conversation.isSending}
      .canStop=${conversation.isBusy}
      .problem=${conversation.notice}
      .answering=${conversation.answering}
      @parley-send=${this.send}
      @parley-stop=${() => conversation.stop()}
      @parley-leave-thread=${() => conversation.answer(null)}
      @parley-typed=${(event: CustomEvent<{ isEmpty: boolean }>) => conversation.typed(event.detail.isEmpty)}
    ></parley-composer>`;
  }

  private reading(): TemplateResult {
    return html`<p class="aside">${gettext("You may read this chat, but not write in it.")}</p>
      <p class="problem" ?hidden=${!this.conversation.problem}>${this.conversation.problem}</p>`;
  }

  private latestReply(): unknown {
    return this.conversation.line.findLast(({ message }) => message.metrics.context_length !== null)?.message;
  }

  private wayBack(): TemplateResult {
    return html`<p class="aside">
      ${gettext("These are earlier messages.")}
      <a href=${this.page.urls.page}>${gettext("Go to the latest")}</a>
    </p>`;
  }

  private send({ detail }: CustomEvent<{ content: string; attachments: string[] }>): void {
    this.follower?.toEnd();
    this.conversation.send(detail.content, detail.attachments);
  }

  private quote(messageId: string): void {
    const message = this.conversation.state.messages.find(({ id }) => id === messageId);
    if (message) this.composer?.quote(message.content);
  }

  private answer(messageId: string): void {
    this.conversation.answer(messageId);
    this.composer?.focus();
  }

  private open(name: DialogName): void {
    const present = Object.keys(this.conversation.state.people);
    void openDialog(name, { page: this.page, present }).catch(() => {
      this.conversation.refused(gettext("The server cannot be reached. Try again."));
    });
  }

  private readonly renew = (): void => this.requestUpdate();

  private readonly openFromBar = (event: Event): void => {
    const button =
      event.target instanceof Element ? event.target.closest<HTMLElement>("[data-dialog]") : null;
    if (isDialog(button?.dataset.dialog)) this.open(button.dataset.dialog);
  };

  private branch(command: Parameters<Conversation["branch"]>[0]): void {
    this.conversation.branch(command);
    this.composer?.focus();
  }

  /** From the keyboard one goes on to the next version: the button pressed is gone with its message. */
  private async showVersion(messageId: string): Promise<void> {
    const pressed = document.activeElement?.ariaLabel;
    this.conversation.show(messageId);
    await new Promise(requestAnimationFrame);
    await new Promise((resolve) => setTimeout(resolve));
    const shown = `[data-message-id="${messageId}"] .switcher button:enabled`;
    const buttons = [...this.querySelectorAll<HTMLElement>(shown)];
    (buttons.find(({ ariaLabel }) => ariaLabel === pressed) ?? buttons[0])?.focus();
  }

  private async deleteMessage(messageId: string): Promise<void> {
    if (!(await confirmed(gettext("Delete this message?"), gettext("Delete")))) return;
    const deletion = await this.conversation.ask<Deletion>("DELETE", `messages/${messageId}`);
    if (deletion) offerUndo(deletion);
  }

  private askForEarlier(event: Event): void {
    event.preventDefault();
    this.loadEarlier();
  }

  private loadEarlier(): void {
    void this.conversation.loadEarlier((change) => this.keepingPlace(change));
  }

  /** Draws in a task of its own, after what was drawn before has been shown. */
  private async keepingPlace(change: () => void): Promise<void> {
    await new Promise(requestAnimationFrame);
    await new Promise((resolve) => setTimeout(resolve));
    await this.follower?.keepingPlace(async () => {
      change();
      this.requestUpdate();
      await this.updateComplete;
      const first = this.querySelectorAll<ParleyMessage>(".run:first-of-type > parley-message");
      await Promise.all([...first].map((message) => message.updateComplete));
    });
  }

  private hear(name: string, act: (detail: Detail) => void): void {
    this.addEventListener(name, (event) => act((event as CustomEvent<Detail>).detail));
  }
}

/** What the parts of a message say about it. */
interface Detail {
  messageId: string;
  content?: string;
  emoji?: string;
}

customElements.define("parley-chat", ParleyChat);
