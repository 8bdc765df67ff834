/** `<parley-composer>`: where a message is written. Enter sends, Shift+Enter starts a new line. */

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Page } from "../conversation/page";
import { gettext } from "../i18n";
import { recall, remember } from "../memory";
import { MAX_CONTENT_CHARS } from "../protocol";
import { canListen, type Dictation, listen } from "../speech";
import { type Upload, Uploads } from "../uploads";

export class ParleyComposer extends LitElement {
  static override properties = {
    page: { attribute: false },
    isSending: { attribute: false },
    canStop: { attribute: false },
    problem: { attribute: false },
    answering: { attribute: false },
  };

  page!: Page;
  isSending = false;
  canStop = false;
  problem = "";
  /** Whose message this one will follow in a thread of its own; empty for the latest. */
  answering = "";
  private uploads!: Uploads;
  private dictation: Dictation | null = null;
  private unheard = "";

  override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const { session_id, max_upload_bytes } = this.page;
    this.uploads = new Uploads(session_id, max_upload_bytes, () => this.requestUpdate());
  }

  /** Empties the box: the message has arrived. */
  clear(): void {
    this.dictation?.abort();
    this.unheard = "";
    this.box.value = "";
    this.uploads.clear();
    this.remember();
  }

  /** Puts somebody's words into the box, as a quotation to answer. */
  quote(text: string): void {
    const quotation = text.trim().replace(/^/gm, "> ");
    const before = this.box.value === "" ? "" : `${this.box.value.trimEnd()}\n\n`;
    this.box.value = `${before}${quotation}\n\n`;
    this.remember();
    this.focus();
  }

  override focus(): void {
    this.box.focus();
  }

  override render(): TemplateResult {
    return html`
      ${this.answering ? this.thread() : nothing}
      <form @submit=${this.submit} @dragover=${this.hover} @drop=${this.drop}>
        ${this.uploads.files.length > 0 ? this.files() : nothing}
        ${this.page.max_upload_bytes > 0 ? this.attaching() : nothing}
        ${canListen() ? this.ear() : nothing}
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
          @paste=${this.paste}
        ></textarea>
        <button type="button" class="stop" ?hidden=${!this.canStop} @click=${this.stop}>${gettext("Stop")}</button>
        <button type="submit" class="primary" ?disabled=${this.isSending || this.uploads.isBusy}>${gettext("Send")}</button>
      </form>
      <p id="composer-problem" class="problem" ?hidden=${!this.sentence}>${this.sentence}</p>
    `;
  }

  protected override firstUpdated(_changed: PropertyValues): void {
    this.box.value = recall(this.draftKey);
    // Who may write only now is perhaps busy elsewhere.
    if (document.activeElement === document.body) this.focus();
  }

  /** Where an unsent text survives a reload. */
  private get draftKey(): string {
    return `parley-draft-${this.page.session_id}`;
  }

  private get box(): HTMLTextAreaElement {
    return this.querySelector("textarea") as HTMLTextAreaElement;
  }

  private get sentence(): string {
    return this.problem || this.uploads.problem || this.unheard;
  }

  private attaching(): TemplateResult {
    return html`<button type="button" class="icon attach" data-icon="attach" aria-label=${gettext("Attach files")} title=${gettext("Attach files")} @click=${this.choose}></button>
        <input type="file" multiple hidden @change=${this.chosen} />`;
  }

  private ear(): TemplateResult {
    const label = this.dictation ? gettext("End dictation") : gettext("Dictate");
    return html`<button type="button" class="icon attach" data-icon="dictate" title=${label} aria-label=${label} aria-pressed=${this.dictation !== null} @click=${this.dictate}></button>`;
  }

  private thread(): TemplateResult {
    return html`<p class="thread">
      <span>${gettext("Answering %(name)s", { name: this.answering })}</span>
      <button type="button" class="icon" data-icon="close" aria-label=${gettext("Answer the latest message instead")} @click=${this.leaveThread}></button>
    </p>`;
  }

  private files(): TemplateResult {
    return html`<ul class="files">${this.uploads.files.map((file) => this.file(file))}</ul>`;
  }

  private file(file: Upload): TemplateResult {
    return html`<li class="file" aria-busy=${file.id === null}>
      <span>${file.name}</span>
      <button type="button" class="icon" data-icon="close" aria-label=${gettext("Remove %(name)s", { name: file.name })} @click=${() => this.uploads.remove(file)}></button>
    </li>`;
  }

  private dictate(): void {
    if (this.dictation) {
      this.dictation.stop();
      return;
    }
    this.unheard = "";
    const before = this.box.value === "" ? "" : `${this.box.value.trimEnd()} `;
    const heard = (words: string) => {
      this.box.value = before + words;
      this.typed();
    };
    this.dictation = listen(heard, (problem) => {
      this.dictation = null;
      this.unheard = problem;
      this.requestUpdate();
    });
    this.requestUpdate();
  }

  private choose(): void {
    this.querySelector<HTMLInputElement>("input[type=file]")?.click();
  }

  private chosen(event: Event): void {
    const input = event.target as HTMLInputElement;
    void this.uploads.add(input.files ?? []);
    input.value = "";
    this.focus();
  }

  private hover(event: DragEvent): void {
    if (this.page.max_upload_bytes > 0 && event.dataTransfer?.types.includes("Files")) event.preventDefault();
  }

  private drop(event: DragEvent): void {
    const files = event.dataTransfer?.files;
    if (!files?.length || this.page.max_upload_bytes === 0) return;
    event.preventDefault();
    void this.uploads.add(files);
  }

  private paste(event: ClipboardEvent): void {
    const files = event.clipboardData?.files;
    if (!files?.length || this.page.max_upload_bytes === 0) return;
    event.preventDefault();
    void this.uploads.add(files);
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
    if (content === "" || this.isSending || this.uploads.isBusy) return;
    const detail = { content, attachments: this.uploads.ids };
    this.dispatchEvent(new CustomEvent("parley-send", { detail }));
  }

  private stop(): void {
    this.focus();
    this.dispatchEvent(new CustomEvent("parley-stop"));
  }

  private leaveThread(): void {
    this.focus();
    this.dispatchEvent(new CustomEvent("parley-leave-thread"));
  }

  private typed(): void {
    this.remember();
    this.dispatchEvent(new CustomEvent("parley-typed", { detail: { isEmpty: this.box.value === "" } }));
  }

  private remember(): void {
    remember(this.draftKey, this.box.value);
  }
}

customElements.define("parley-composer", ParleyComposer);
