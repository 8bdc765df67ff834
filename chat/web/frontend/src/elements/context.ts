/** `<parley-context>`: how much of the model's window the conversation takes, and what was left out. */

import { html, LitElement, nothing, type TemplateResult } from "lit";

import { gettext } from "../i18n";
import { type Limits, SETTINGS_SAVED } from "../limits";
import { count } from "../measurements";
import type { DroppedContext, MessageView } from "../protocol";

export class ParleyContext extends LitElement {
  static override properties = { message: { attribute: false } };

  /** The latest reply whose window is known. */
  message: MessageView | undefined = undefined;

  /** The window that was chosen since that reply. */
  private chosen: { after: string | undefined; window: number | null } | null = null;

  override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener(SETTINGS_SAVED, this.choose);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener(SETTINGS_SAVED, this.choose);
  }

  override render(): TemplateResult | typeof nothing {
    const { metrics, tokens_used } = this.message ?? { metrics: null, tokens_used: 0 };
    const all = this.chosen?.after === this.message?.id ? this.chosen?.window : metrics?.context_length;
    if (!metrics || !all) return nothing;
    const taken = (metrics.prompt_tokens ?? 0) + tokens_used - (metrics.dropped?.shifted ?? 0);
    const used = Math.min(taken, all); // not every reply says what it forgot
    const values = { used: count(used), all: count(all) };
    return html`<details class="context" ?data-cut=${metrics.dropped !== null}>
      <summary>
        <meter
          min="0"
          max=${all}
          high=${0.8 * all}
          .value=${used}
          aria-label=${gettext("Context used")}
        ></meter>
        <span>${gettext("%(used)s of %(all)s tokens", values)}</span>
      </summary>
      <p class="box">${this.kept()}</p>
    </details>`;
  }

  private readonly choose = (event: Event): void => {
    const { window } = (event as CustomEvent<Limits>).detail;
    if (window !== undefined) this.chosen = { after: this.message?.id, window };
    this.requestUpdate();
  };

  private kept(): string {
    const dropped = this.message?.metrics.dropped;
    if (!dropped?.tokens && !dropped?.shifted) {
      return gettext("The model saw the whole conversation before its latest reply.");
    }
    return `${dropped.tokens ? leftOut(dropped) : ""} ${dropped.shifted ? forgotten(dropped) : ""}`.trim();
  }
}

/** What a context policy left out before the reply. */
function leftOut({ messages, compressed, tokens }: DroppedContext): string {
  const values = { messages, compressed, tokens: count(tokens) };
  if (compressed === 0) {
    return gettext(
      "Before the latest reply %(messages)s messages were left out (%(tokens)s tokens).",
      values,
    );
  }
  return gettext(
    "Before the latest reply %(messages)s messages were left out and %(compressed)s shortened (%(tokens)s tokens).",
    values,
  );
}

/** What made room in a full window while the reply was written. */
function forgotten({ shifted }: DroppedContext): string {
  const values = { tokens: count(shifted) };
  return gettext("While it wrote the latest reply, the model forgot the oldest %(tokens)s tokens.", values);
}

customElements.define("parley-context", ParleyContext);
