/** `<parley-confirm>`: asks before something is gone. */

import { html, LitElement, type TemplateResult } from "lit";

import { gettext } from "../i18n";

class ParleyConfirm extends LitElement {
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
      <dialog class="confirm floating" aria-labelledby="confirm-question" @close=${this.closed}>
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

/** Asks the reader; `verb` is the button that says yes. */
export function confirmed(question: string, verb: string): Promise<boolean> {
  const found = document.querySelector<ParleyConfirm>("parley-confirm");
  const dialog = found ?? document.body.appendChild(new ParleyConfirm());
  return dialog.ask(question, verb);
}
