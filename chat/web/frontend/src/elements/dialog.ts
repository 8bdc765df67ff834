/** What the dialogs have in common: a heading, a way out, and a place for what went wrong. */

import { html, LitElement, type TemplateResult } from "lit";

import { request } from "../api";
import { gettext } from "../i18n";

export abstract class ParleyDialog extends LitElement {
  protected problem = "";

  override createRenderRoot(): this {
    return this;
  }

  override render(): TemplateResult {
    return html`
      <dialog class="sheet floating" aria-labelledby="sheet-heading" @close=${() => this.remove()}>
        <header>
          <h2 id="sheet-heading">${this.heading()}</h2>
          <button type="button" class="icon" data-icon="close" aria-label=${gettext("Close")} @click=${this.close}></button>
        </header>
        <p class="problem" role="alert" ?hidden=${!this.problem}>${this.problem}</p>
        ${this.content()}
      </dialog>
    `;
  }

  protected abstract heading(): string;
  protected abstract content(): TemplateResult;

  protected override firstUpdated(): void {
    this.querySelector("dialog")?.showModal();
  }

  protected readonly close = (): void => {
    this.querySelector("dialog")?.close();
  };

  /** The server's answer, or null with the reason shown. */
  protected async ask<T>(method: string, path: string, body?: unknown): Promise<T | null> {
    try {
      this.problem = "";
      return (await request(method, path, body)) as T;
    } catch (error) {
      this.problem = (error as Error).message;
      return null;
    } finally {
      this.requestUpdate();
    }
  }
}
