/** `<parley-toast>`: a sentence above the page for a while, with something to do about it. */

import { html, LitElement, nothing, type TemplateResult } from "lit";

import { gettext } from "../i18n";
import { icon } from "../icons";

const SPOKEN_MS = 8_000;

export class ParleyToast extends LitElement {
  private sentence = "";
  private verb = "";
  private act: () => void = () => undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override createRenderRoot(): this {
    return this;
  }

  /** Until a moment, or until somebody closes it or does something. */
  show(sentence: string, verb: string, until: number, act: () => void): void {
    Object.assign(this, { sentence, verb, act });
    this.hideAt(until);
  }

  /** A sentence alone. */
  say(sentence: string): void {
    Object.assign(this, { sentence, verb: "" });
    this.hideAt(Date.now() + SPOKEN_MS);
  }

  override render(): TemplateResult | typeof nothing {
    if (this.sentence === "") return nothing;
    return html`<div class="toast" role="alert">
      <span>${this.sentence}</span>
      ${this.verb ? html`<button type="button" class="quiet" @click=${this.pressed}>${this.verb}</button>` : nothing}
      <button type="button" class="icon" aria-label=${gettext("Close")} @click=${this.hide}>${icon("close")}</button>
    </div>`;
  }

  private hideAt(moment: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.hide, moment - Date.now());
    this.requestUpdate();
  }

  private pressed(): void {
    this.hide();
    this.act();
  }

  private readonly hide = (): void => {
    clearTimeout(this.timer);
    this.sentence = "";
    this.requestUpdate();
  };
}

customElements.define("parley-toast", ParleyToast);
