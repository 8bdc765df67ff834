/** `<parley-composer>`: where a message is written. Enter sends, Shift+Enter starts a new line. */

import { html, LitElement, type PropertyValues, type TemplateResult } from "lit";

import { gettext } from "../i18n";
import { MAX_CONTENT_CHARS } from "../protocol";

export class ParleyComposer extends LitElement {
  static override properties = {
    draftKey: { attribute: false },
    isSending: { attribute: false },
    canStop: { attribute: false },
    problem: { attribute: false },
  };

  /** Where an unsent text survives a reload. */
  draftKey = "";
  isSending = false;
  canStop = false;
  problem = "";

  override createRenderRoot(): this {
    return this;
  }

  /** Empties the box: the message has arrived. */
  clear(): void {
    this.box.value = "";
    this.remember();
  }

  override focus(): void {
    this.box.focus();
  }

  override render(): TemplateResult {
    return html`
      <form @submit=${this.submit}>
        <label class="visually-hidden" for="message-box">${gettext("Message")}</label>
        <textarea
          id="message-box"
          rows="1"
          maxlength=${MAX_CONTENT_CHARS}
          placeholder=${gettext("Write a message…")}
          aria-describedby="composer-problem"
          ?readonly=${this.isSending}
          @keydown=${this.press}
          @input=${this.typed}
        ></textarea>
        <button type="button" class="stop" ?hidden=${!this.canStop} @click=${this.stop}>${gettext("Stop")}</button>
        <button type="submit" class="primary" ?disabled=${this.isSending}>${gettext("Send")}</button>
      </form>
      <p id="composer-problem" class="problem" ?hidden=${!this.problem}>${this.problem}</p>
    `;
  }

  protected override firstUpdated(_changed: PropertyValues): void {
    this.box.value = sessionStorage.getItem(this.draftKey) ?? "";
    this.focus();
  }

  private get box(): HTMLTextAreaElement {
    return this.querySelector("textarea") as HTMLTextAreaElement;
  }

  private press(event: KeyboardEvent): void {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.send();
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    this.send();
  }

  private send(): void {
    const content = this.box.value.trim();
    this.focus();
    if (content === "" || this.isSending) return;
    this.dispatchEvent(new CustomEvent("parley-send", { detail: { content } }));
  }

  private stop(): void {
    this.focus();
    this.dispatchEvent(new CustomEvent("parley-stop"));
  }

  private typed(): void {
    this.remember();
    this.dispatchEvent(new CustomEvent("parley-typed", { detail: { isEmpty: this.box.value === "" } }));
  }

  private remember(): void {
    if (this.box.value === "") sessionStorage.removeItem(this.draftKey);
    else sessionStorage.setItem(this.draftKey, this.box.value);
  }
}

customElements.define("parley-composer", ParleyComposer);
