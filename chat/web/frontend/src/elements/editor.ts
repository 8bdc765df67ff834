/** `<parley-editor>`: one's own message, to be written anew. Sending it makes a version beside the old one. */

import { html, LitElement, type TemplateResult } from "lit";

import { gettext } from "../i18n";
import { MAX_CONTENT_CHARS } from "../protocol";

export class ParleyEditor extends LitElement {
  static override properties = { messageId: { attribute: false }, text: { attribute: false } };

  messageId = "";
  text = "";

  override createRenderRoot(): this {
    return this;
  }

  override render(): TemplateResult {
    return html`
      <form class="editor" @submit=${this.submit}>
        <label class="visually-hidden" for="edit-${this.messageId}">${gettext("Edit message")}</label>
        <textarea
          id="edit-${this.messageId}"
          maxlength=${MAX_CONTENT_CHARS}
          .value=${this.text}
          @keydown=${this.press}
        ></textarea>
        <div class="editor-buttons">
          <button type="button" class="quiet" @click=${this.cancel}>${gettext("Cancel")}</button>
          <button type="submit" class="primary">${gettext("Send edit")}</button>
        </div>
      </form>
    `;
  }

  protected override firstUpdated(): void {
    this.box.focus();
    this.box.setSelectionRange(this.text.length, this.text.length);
  }

  private get box(): HTMLTextAreaElement {
    return this.querySelector("textarea") as HTMLTextAreaElement;
  }

  private press(event: KeyboardEvent): void {
    if (event.key === "Escape") this.cancel();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    this.submit(event);
  }

  private submit(event: Event): void {
    event.preventDefault();
    const content = this.box.value.trim();
    if (content === "") return;
    const detail = { messageId: this.messageId, content };
    this.dispatchEvent(new CustomEvent("parley-edit", { bubbles: true, detail }));
    this.cancel();
  }

  private cancel(): void {
    this.dispatchEvent(new CustomEvent("parley-stop-editing", { bubbles: true }));
  }
}

customElements.define("parley-editor", ParleyEditor);
