/** `<parley-setup>`: a new chat with what it begins with. */

import { html, type TemplateResult } from "lit";

import { gettext } from "../i18n";
import { RecipeDialog } from "./recipe";

export class ParleySetup extends RecipeDialog {
  override connectedCallback(): void {
    super.connectedCallback();
    void this.loadChoices();
  }

  protected override heading(): string {
    return gettext("Set up a chat");
  }

  protected override content(): TemplateResult {
    return html`<form class="stack" novalidate @submit=${this.start} @input=${this.read}>
      ${this.fields()} ${this.keeping()}
      <div>
        <label class="switch"><input type="checkbox" name="is_temporary" aria-describedby="temporary-hint" />
          ${gettext("Temporary chat")}</label>
        <p id="temporary-hint" class="hint">
          ${gettext("In no list and no search, and deleted ten minutes after you leave it.")}
        </p>
      </div>
      <div class="row"><button type="submit" class="primary">${gettext("Start")}</button></div>
    </form>`;
  }

  private async start(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!this.isInRange()) return;
    const is_temporary = new FormData(event.target as HTMLFormElement).has("is_temporary");
    const made = await this.ask<{ id: string }>("POST", "sessions", { ...this.read(), is_temporary });
    if (made) location.assign(`/chat/${made.id}/`);
  }
}

customElements.define("parley-setup", ParleySetup);
