/** `<parley-panel>`: a chat without an account, in a frame on somebody else's page. */

import { html, LitElement, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

import { Conversation } from "../conversation";
import { Frames } from "../frames";
import { gettext } from "../i18n";
import { recall, remember } from "../memory";
import type { Page } from "../page";
import { ScrollFollower } from "../scroll";
import { replyOf } from "../state";
import "./composer";
import "./connection";
import "./message";
import type { ParleyComposer } from "./composer";

interface Visit {
  token: string;
  page: Page;
}

const KEY = "parley-panel:";

export class ParleyPanel extends LitElement {
  private page: Page | null = null;
  private conversation: Conversation | null = null;
  private follower: ScrollFollower | undefined;
  private problem = "";
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
      return html`<p class="notice" role="status">${this.problem || gettext("Connecting…")}</p>`;
    }
    return html`
      <section class="transcript" tabindex="0" aria-label=${gettext("Conversation")}>
        <div class="column">${this.messages(page, conversation)}</div>
      </section>
      <div class="dock">
        <parley-composer
          .page=${page}
          .isSending=${conversation.isSending}
          .canStop=${Object.keys(conversation.state.live).length > 0}
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
    try {
      const { token, page } = await this.ask<Visit>("visit/");
      this.token = token;
      remember(KEY + this.url, token);
      this.page = page;
      this.conversation = new Conversation(
        page,
        {
          changed: () => this.frames.request(),
          sent: () => this.querySelector<ParleyComposer>("parley-composer")?.clear(),
          heard: () => undefined,
        },
        {
          headers: { "X-Panel-Token": token },
          ticket: async () => (await this.ask<{ ticket: string }>("ticket/")).ticket,
        },
      );
      this.conversation.open();
    } catch (error) {
      this.problem = (error as Error).message;
    }
    this.requestUpdate();
  }

  private async ask<T>(path: string): Promise<T> {
    const response = await fetch(this.url + path, {
      method: "POST",
      headers: { "X-Panel-Token": this.token },
    });
    const answer = (await response.json()) as T & { details?: { message: string } };
    if (!response.ok) throw new Error(answer.details?.message ?? String(response.status));
    return answer;
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
