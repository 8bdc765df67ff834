/** `<parley-message>`: one message as an article, its Markdown rendered safely. */

import { html, LitElement, nothing, type TemplateResult } from "lit";

import { avatar, modelAvatar } from "../avatar";
import { type LiveReply, textOf } from "../conversation/state";
import { gettext, language } from "../i18n";
import { onLoaded } from "../markdown/lazy";
import { renderBlocks } from "../markdown/markdown";
import { count, measurements } from "../measurements";
import { isWhole, MODE_CHANGED } from "../mode";
import { providerIcon } from "../pages/models";
import type { MessageView } from "../protocol";
import "./actions";
import "./editor";
import "./reactions";

/** The list is made anew with every token of any reply; a message is drawn again only where it differs. */
function isAnotherList(one: readonly string[], other: readonly string[] | undefined): boolean {
  return one.join() !== other?.join();
}

export class ParleyMessage extends LitElement {
  static override properties = {
    message: { attribute: false },
    reply: { attribute: false },
    siblings: { attribute: false, hasChanged: isAnotherList },
    isUnserved: { attribute: false },
    userId: { attribute: false },
    canWrite: { attribute: false },
    isPlain: { attribute: false },
    maxTokens: { attribute: false },
    isEditing: { state: true },
    isMeasured: { state: true },
    isChoosing: { state: true },
  };

  message!: MessageView;
  reply: LiveReply | undefined = undefined;
  /** The ids of the messages in whose place this one stands, its own among them. */
  siblings: readonly string[] = [];
  isUnserved = false;
  userId = "";
  canWrite = true;
  /** Only to be read: nothing can be done with it. */
  isPlain = false;
  /** How long a reply may become. */
  maxTokens = 0;
  private isEditing = false;
  private isMeasured = false;
  /** One of the offered reactions. */
  private isChoosing = false;
  private stopListening: (() => void) | undefined;

  /** The message's text so far, as written. */
  get text(): string {
    return textOf(this.message, this.reply);
  }

  override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.stopListening = onLoaded(this.renew);
    window.addEventListener(MODE_CHANGED, this.renew);
    this.addEventListener("parley-show-measurements", this.toggleMeasurements);
    this.addEventListener("parley-choose-reaction", this.toggleChoosing);
    this.addEventListener("parley-start-editing", this.startEditing);
    this.addEventListener("parley-stop-editing", this.stopEditing);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stopListening?.();
    window.removeEventListener(MODE_CHANGED, this.renew);
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
          ${role === "assistant" ? modelAvatar() : avatar(this.author(), this.message.author_id ?? role, this.userId)}
          <h3 id=${headingId}>${this.author()}</h3>
          ${role === "assistant" && this.message.llm_model ? this.model() : nothing}
          <time datetime=${this.message.created_at}>${clock(this.message.created_at)}</time>
          ${this.progress()}
        </header>
        ${this.isEditing ? this.editor() : this.body()} ${this.ending()} ${this.warned()}
        ${this.measured()} ${this.files()} ${this.isOpen() ? html`${this.reactions()} ${this.actions()}` : nothing}
      </article>
    `;
  }

  private author(): string {
    if (this.message.role === "assistant") return "Parley";
    if (this.message.role === "system") return gettext("System");
    if (this.isPlain && this.message.author_id === this.userId) return gettext("You");
    return this.message.author_name ?? gettext("Somebody");
  }

  private model(): TemplateResult {
    const { llm_model, llm_provider } = this.message;
    return html`<span class="model" data-icon=${providerIcon(llm_provider)}>${llm_model}</span>`;
  }

  private body(): TemplateResult {
    const isStreaming = this.message.status === "streaming";
    if (this.message.is_hidden) {
      return html`<p class="pending">${gettext("This message was hidden by a moderator.")}</p>`;
    }
    if (isStreaming && (this.text === "" || (isWhole() && this.reply?.isStarted)))
      return html`<p class="pending">${this.waiting()}</p>`;
    const blocks = renderBlocks(this.text, { isGrowing: isStreaming });
    return html`<div class="prose" ?data-growing=${isStreaming} dir="auto">${blocks.map(
      (block) => html`<div .innerHTML=${block}></div>`,
    )}</div>`;
  }

  private files(): TemplateResult | typeof nothing {
    const { attachments } = this.message;
    if (attachments.length === 0) return nothing;
    return html`<ul class="files">${attachments.map(
      ({ id, name, size_bytes }) => html`<li class="file">
        <a href="/api/v1/chat/attachments/${id}/content" download>${name}</a>
        <span class="size">${count(Math.max(1, size_bytes / 1_024))} KiB</span>
      </li>`,
    )}</ul>`;
  }

  private editor(): TemplateResult {
    return html`<parley-editor .messageId=${this.message.id} .text=${this.message.content}></parley-editor>`;
  }

  /** To what readers do with messages. */
  private isOpen(): boolean {
    const isWritten = this.message.status !== "streaming" && !this.message.is_hidden;
    return isWritten && !this.isPlain && !this.isEditing;
  }

  private reactions(): TemplateResult | typeof nothing {
    if (!this.isChoosing && Object.keys(this.message.reacted_by).length === 0) return nothing;
    return html`<parley-reactions
      .message=${this.message}
      .userId=${this.userId}
      .isChoosing=${this.isChoosing}
    ></parley-reactions>`;
  }

  private actions(): TemplateResult {
    return html`<parley-actions
      class="actions"
      role="group"
      aria-label=${gettext("Message actions")}
      .message=${this.message}
      .siblings=${this.siblings}
      .isMine=${this.message.author_id === this.userId}
      .userId=${this.userId}
      .canWrite=${this.canWrite}
      .isChoosing=${this.isChoosing}
    ></parley-actions>`;
  }

  private measured(): TemplateResult | typeof nothing {
    if (!this.isMeasured) return nothing;
    return html`<dl class="measurements">${measurements(this.message).map(
      ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
    )}</dl>
    ${this.canWrite ? this.rerun() : nothing}`;
  }

  private rerun(): TemplateResult {
    return html`<button type="button" class="rerun" @click=${() => this.tell("parley-rerun")}>
      ${gettext("Run again exactly")}
    </button>`;
  }

  /** Above the text, which moves whatever is below it. */
  private progress(): TemplateResult | typeof nothing {
    const tokens = this.reply?.tokens ?? 0;
    if (this.message.status !== "streaming" || tokens === 0) return nothing;
    const values = { tokens: count(tokens), most: count(Math.max(tokens, this.maxTokens)) };
    return html`<span class="progress">
      <progress max=${this.maxTokens} value=${tokens} aria-hidden="true"></progress>
      ${gettext("%(tokens)s of at most %(most)s tokens", values)}
    </span>`;
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

  private ending(): TemplateResult | typeof nothing {
    const { status, error_message, finish_reason } = this.message;
    const reason =
      status === "failed" ? (error_message ?? gettext("The reply failed.")) : cutShort(finish_reason);
    if (!reason) return nothing;
    return html`<footer ?data-failed=${status === "failed"}><span>${reason}</span>${this.goOn()}</footer>`;
  }

  /** What content rules say of it. */
  private warned(): TemplateResult | typeof nothing {
    const { warnings } = this.message.metadata;
    if (!Array.isArray(warnings) || this.message.is_hidden) return nothing;
    return html`<ul class="warnings">${warnings.map((words) => html`<li>${words}</li>`)}</ul>`;
  }

  private goOn(): TemplateResult | typeof nothing {
    if (!this.canWrite || !canGoOn(this.message)) return nothing;
    return html`<button type="button" class="quiet" @click=${() => this.tell("parley-continue")}>
      ${gettext("Continue")}
    </button>`;
  }

  private tell(event: string): void {
    const detail = { messageId: this.message.id };
    this.dispatchEvent(new CustomEvent(event, { bubbles: true, detail }));
  }

  private readonly renew = (): void => this.requestUpdate();

  private readonly toggleMeasurements = (): void => {
    this.isMeasured = !this.isMeasured;
  };

  private readonly toggleChoosing = (): void => {
    this.isChoosing = !this.isChoosing;
  };

  private readonly startEditing = (): void => {
    this.isEditing = true;
  };

  private readonly stopEditing = (): void => {
    this.isEditing = false;
  };
}

/** As the server decides it: one that was cut off or stopped, with something written. */
function canGoOn({ status, content, finish_reason, role }: MessageView): boolean {
  const isEarly = ["length", "timeout", "cancelled", "error"].includes(finish_reason ?? "");
  return role === "assistant" && status !== "streaming" && content !== "" && isEarly;
}

function cutShort(reason: string | null): string | null {
  if (reason === "cancelled") return gettext("Stopped");
  if (reason === "content_filter") return gettext("Ended by a rule of this server");
  if (reason === "length") return gettext("Cut off at the length limit");
  return reason === "timeout" ? gettext("Cut off at the time limit") : null;
}

/** The time of day, and of another day than today also which. */
function clock(time: string): string {
  const then = new Date(time);
  if (then.toDateString() !== new Date().toDateString())
    return then.toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
  return then.toLocaleTimeString(language(), { hour: "2-digit", minute: "2-digit" });
}

customElements.define("parley-message", ParleyMessage);
