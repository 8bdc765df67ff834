/** `<parley-reactions>`: the emoji that a message was given, and those to choose from. */

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import type { IconName } from "../../icons";
import { DISLIKE, giversOf, isGiven, LIKE, OFFERED } from "../conversation/reactions";
import { gettext } from "../i18n";
import type { MessageView } from "../protocol";

/** Which have buttons of their own below a reply, and look elsewhere as they do there. */
const JUDGEMENTS: Readonly<Record<string, IconName>> = { [LIKE]: "like", [DISLIKE]: "dislike" };

export class ParleyReactions extends LitElement {
  static override properties = {
    message: { attribute: false },
    userId: { attribute: false },
    isChoosing: { attribute: false },
  };

  message!: MessageView;
  userId = "";
  isChoosing = false;

  override createRenderRoot(): this {
    return this;
  }

  override render(): TemplateResult | typeof nothing {
    const shown = this.shown();
    if (shown.length === 0) return nothing;
    return html`<div class="reactions" role="group" aria-label=${gettext("Reactions")}>
      ${shown.map((emoji) => this.chip(emoji))}
    </div>`;
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("isChoosing") && this.isChoosing) this.querySelector("button")?.focus();
  }

  private shown(): string[] {
    const given = Object.keys(this.message.reacted_by);
    const all = new Set(this.isChoosing ? [...given, ...OFFERED] : given);
    return [...all].filter((emoji) => this.message.role !== "assistant" || !(emoji in JUDGEMENTS));
  }

  private chip(emoji: string): TemplateResult {
    const count = this.message.reacted_by[emoji]?.length ?? 0;
    const givers = giversOf(this.message, emoji, this.userId);
    const drawn = JUDGEMENTS[emoji];
    return html`<button
      type="button"
      class="reaction"
      data-icon=${drawn ?? nothing}
      title=${givers || nothing}
      aria-label=${count > 0 ? `${emoji} ${count}: ${givers}` : emoji}
      aria-pressed=${isGiven(this.message, emoji, this.userId)}
      @click=${() => this.choose(emoji)}
    >
      ${drawn ? nothing : emoji} ${count > 0 ? html`<span class="count">${count}</span>` : nothing}
    </button>`;
  }

  private choose(emoji: string): void {
    const detail = { messageId: this.message.id, emoji };
    this.dispatchEvent(new CustomEvent("parley-react", { bubbles: true, detail }));
    if (this.isChoosing) this.dispatchEvent(new CustomEvent("parley-choose-reaction", { bubbles: true }));
  }
}

customElements.define("parley-reactions", ParleyReactions);
