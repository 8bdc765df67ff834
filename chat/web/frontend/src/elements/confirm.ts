/** `<parley-confirm>`: asks before something is gone. */

import { html, LitElement, type TemplateResult } from "lit";

import { gettext } from "../i18n";

export class ParleyConfirm extends LitElement {
  private question = "";
  private verb = "";
  private answer: (isSure: boolean) => void = () => undefined;

  override createRenderRoot(): this {
    return this;
  }

  /** Whether the reader wants it. */
  async ask(question: string, verb: string): Promise<boolean> {
    this.question = question;
    this.verb = verb;
    this.requestUpdate();
    await this.updateComplete;
    const dialog = this.querySelector("dialog") as HTMLDialogElement;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }

  override render(): TemplateResult {
    return html`
      <dialog class="confirm" aria-labelledby="confirm-question" @close=${this.closed}>
        <form method="dialog">
          <p id="confirm-question">${this.question}</p>
          <div class="confirm-buttons">
            <button class="quiet" value="">${gettext("Cancel")}</button>
            <button class="danger" value="yes">${this.verb}</button>
          </div>
        </form>
      </dialog>
    `;
  }

  private closed(event: Event): void {
    this.answer((event.target as HTMLDialogElement).returnValue === "yes");
  }
}

customElements.define("parley-confirm", ParleyConfirm);
