/** `<parley-message>`: one message as an article, its Markdown rendered safely. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { unsafeHTML } from "lit/directives/unsafe-html.js";

import { gettext } from "../i18n";
import { renderBlocks } from "../markdown";
import type { MessageView } from "../protocol";
import { type LiveReply, textOf } from "../state";

export class ParleyMessage extends LitElement {
  static override properties = {
    message: { attribute: false },
    reply: { attribute: false },
    isUnserved: { attribute: false },
    isSuperseded: { attribute: false },
    canRetry: { attribute: false },
  };

  message!: MessageView;
  reply: LiveReply | undefined = undefined;
  isUnserved = false;
  isSuperseded = false;
  canRetry = false;

  /** The message's text so far, as written. */
  get text(): string {
    return textOf(this.message, this.reply);
  }

  override createRenderRoot(): this {
    return this;
  }

  override render(): TemplateResult {
    const { id, role, status } = this.message;
    const headingId = `author-${id}`;
    return html`
      <article
        data-role=${role}
        data-message-id=${id}
        data-status=${status}
        aria-labelledby=${headingId}
        aria-busy=${status === "streaming"}
      >
        <header>
          <h3 id=${headingId}>${this.author()}</h3>
          ${role === "assistant" ? html`<span class="model">${this.message.llm_model}</span>` : nothing}
          <time datetime=${this.message.created_at}>${clock(this.message.created_at)}</time>
        </header>
        ${this.isSuperseded ? this.earlierAnswer() : this.body()} ${this.ending()}
      </article>
    `;
  }

  private author(): string {
    if (this.message.role === "assistant") return "Parley";
    if (this.message.role === "system") return gettext("System");
    return this.message.author_name ?? gettext("Somebody");
  }

  private body(): TemplateResult {
    const isStreaming = this.message.status === "streaming";
    if (isStreaming && this.text === "") return html`<p class="pending">${this.waiting()}</p>`;
    return html`<div class="prose" ?data-growing=${isStreaming} dir="auto">${renderBlocks(this.text).map(
      (block) => html`<div>${unsafeHTML(block)}</div>`,
    )}</div>`;
  }

  private waiting(): string {
    if (this.isUnserved) {
      return gettext("No worker has this model loaded; the reply will come when one does.");
    }
    const { place = null, etaSeconds = null } = this.reply ?? {};
    if (place === null || etaSeconds === 0) return gettext("Thinking…");
    if (etaSeconds === null) return gettext("Waiting: place %(place)s", { place });
    const seconds = Math.ceil(etaSeconds);
    return gettext("Waiting: place %(place)s, about %(seconds)s s", { place, seconds });
  }

  private earlierAnswer(): TemplateResult {
    return html`<details class="superseded">
      <summary>${gettext("Earlier answer")}</summary>
      ${this.body()}
    </details>`;
  }

  private ending(): TemplateResult | typeof nothing {
    const { status, error_message, finish_reason } = this.message;
    const reason =
      status === "failed" ? (error_message ?? gettext("The reply failed.")) : cutShort(finish_reason);
    if (!reason && !this.canRetry) return nothing;
    const retry = html`<button type="button" class="quiet" @click=${this.retry}>${gettext("Try again")}</button>`;
    return html`<footer ?data-failed=${status === "failed"}>
      ${reason ? html`<span>${reason}</span>` : nothing} ${this.canRetry ? retry : nothing}
    </footer>`;
  }

  private retry(): void {
    const detail = { messageId: this.message.id };
    this.dispatchEvent(new CustomEvent("parley-retry", { bubbles: true, detail }));
  }
}

function cutShort(reason: string | null): string | null {
  if (reason === "cancelled") return gettext("Stopped");
  if (reason === "length") return gettext("Cut off at the length limit");
  return reason === "timeout" ? gettext("Cut off at the time limit") : null;
}

function clock(time: string): string {
  const language = document.documentElement.lang || "en";
  return new Date(time).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
}

customElements.define("parley-message", ParleyMessage);
