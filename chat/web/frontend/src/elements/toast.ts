/** `<parley-toast>`: a sentence above the page for a while, with something to do about it. */

import { html, LitElement, nothing, type TemplateResult } from "lit";

import { gettext } from "../i18n";

const SPOKEN_MS = 8_000;

export class ParleyToast extends LitElement {
  private sentence = "";
  private verb = "";
  private act: () => void = () => undefined;
  private gone: () => void = () => undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override createRenderRoot(): this {
    return this;
  }

  /** For a while, or until somebody closes it or does something; then it is `gone`. */
  show(sentence: string, verb: string, milliseconds: number, act: () => void, gone: () => void): void {
    Object.assign(this, { sentence, verb, act, gone });
    this.hideIn(milliseconds);
  }

  /** A sentence alone. */
  say(sentence: string): void {
    Object.assign(this, { sentence, verb: "", gone: () => undefined });
    this.hideIn(SPOKEN_MS);
  }

  override render(): TemplateResult | typeof nothing {
    if (this.sentence === "") return nothing;
    return html`<div class="toast floating" role="alert">
      <span>${this.sentence}</span>
      ${this.verb ? html`<button type="button" class="quiet" @click=${this.pressed}>${this.verb}</button>` : nothing}
      <button type="button" class="icon" data-icon="close" aria-label=${gettext("Close")} @click=${this.hide}></button>
    </div>`;
  }

  private hideIn(milliseconds: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.hide, milliseconds);
    this.requestUpdate();
  }

  private pressed(): void {
    this.hide();
    this.act();
  }

  private readonly hide = (): void => {
    clearTimeout(this.timer);
    this.sentence = "";
    this.gone();
    this.requestUpdate();
  };
}

customElements.define("parley-toast", ParleyToast);
