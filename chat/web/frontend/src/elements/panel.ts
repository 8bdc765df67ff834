/** `<parley-panel>`: a chat without an account, in a frame on somebody else's page. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

import { fetchJson } from "../api";
import { Conversation } from "../conversation/conversation";
import type { Page } from "../conversation/page";
import { replyOf } from "../conversation/state";
import { Frames } from "../frames";
import { gettext } from "../i18n";
import { recall, remember } from "../memory";
import { Close } from "../protocol";
import { ScrollFollower } from "../scroll";
import "./composer";
import "./connection";
import "./message";
import type { ParleyComposer } from "./composer";

interface Visit {
  token: string;
  page: Page;
}

const KEY = "parley-panel:";
const GONE: readonly unknown[] = [401, 404];

export class ParleyPanel extends LitElement {
  private page: Page | null = null;
  private conversation: Conversation | null = null;
  private follower: ScrollFollower | undefined;
  private problem = "";
  private isOver = false;
  private token = "";
  private readonly frames = new Frames(() => this.requestUpdate());

  override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.token = recall(KEY + this.url);
    void this.begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.conversation?.close();
  }

  override render(): TemplateResult {
    const page = this.page;
    const conversation = this.conversation;
    if (!page || !conversation) {
      return html`<p class="notice" role="status">${this.problem || gettext("Connecting…")}</p>
        ${this.problem ? html`<button type="button" class="primary" @click=${this.begin}>${this.isOver ? gettext("New chat") : gettext("Try again")}</button>` : nothing}`;
    }
    return html`
      <section class="transcript" tabindex="0" aria-label=${gettext("Conversation")}>
        <div class="column">${this.messages(page, conversation)}</div>
      </section>
      <div class="dock">
        <parley-composer
          .page=${page}
          .isSending=${conversation.isSending}
          .canStop=${conversation.isBusy}
          .problem=${conversation.notice}
          @parley-send=${this.send}
          @parley-stop=${() => conversation.stop()}
          @parley-typed=${() => conversation.typed(true)}
        ></parley-composer>
        <div class="status-line"><parley-connection .connection=${conversation.connection}></parley-connection></div>
        <p class="visually-hidden" role="status" aria-live="polite">${conversation.announcement}</p>
      </div>
    `;
  }

  protected override updated(): void {
    const pane = this.querySelector<HTMLElement>(".transcript");
    if (pane?.firstElementChild) this.follower ??= new ScrollFollower(pane, pane.firstElementChild);
  }

  private get url(): string {
    return this.dataset.url ?? "";
  }

  private async begin(): Promise<void> {
    this.problem = "";
    this.isOver = false;
    this.requestUpdate();
    try {
      const { token, page } = await this.ask<Visit>("visit/");
      this.token = token;
      remember(KEY + this.url, token);
      this.page = page;
      this.conversation = new Conversation(
        page,
        {
          changed: () => this.changed(),
          sent: () => this.querySelector<ParleyComposer>("parley-composer")?.clear(),
          heard: () => undefined,
        },
        {
          headers: { "X-Panel-Token": token },
          ticket: () => this.ticket(),
        },
      );
      this.conversation.open();
    } catch (error) {
      this.problem = (error as Error).message;
    }
    this.requestUpdate();
  }

  private async ticket(): Promise<string> {
    try {
      return (await this.ask<{ ticket: string }>("ticket/")).ticket;
    } catch (error) {
      if (GONE.includes((error as Error).cause)) this.end();
      throw error;
    }
  }

  private changed(): void {
    const connection = this.conversation?.connection;
    if (connection?.kind === "closed" && connection.code !== Close.NOT_ALLOWED) this.end();
    else this.frames.request();
  }

  /** Nothing opens this chat any more: another one can be begun. */
  private end(): void {
    this.conversation?.close();
    this.conversation = null;
    this.follower = undefined;
    this.token = "";
    remember(KEY + this.url, "");
    this.problem = gettext("This chat has ended.");
    this.isOver = true;
    this.requestUpdate();
  }

  private async ask<T>(path: string): Promise<T> {
    return (await fetchJson(this.url + path, {
      method: "POST",
      headers: { "X-Panel-Token": this.token },
    })) as T;
  }

  private messages(page: Page, { state, line }: Conversation): unknown {
    if (state.messages.length === 0) return html`<p class="empty">${gettext("Say something to begin.")}</p>`;
    return repeat(
      line,
      ({ message }) => message.id,
      ({ message }) => html`<parley-message
        .message=${message}
        .reply=${replyOf(state, message.id)}
        .userId=${page.user_id}
        .maxTokens=${page.max_tokens}
        .canWrite=${false}
        .isPlain=${true}
      ></parley-message>`,
    );
  }

  private send({ detail }: CustomEvent<{ content: string }>): void {
    this.follower?.toEnd();
    this.conversation?.send(detail.content);
  }
}

customElements.define("parley-panel", ParleyPanel);
