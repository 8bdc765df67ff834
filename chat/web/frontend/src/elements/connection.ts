/** `<parley-connection>`: one line that says how the page stands with the server. */

import { html, LitElement, type TemplateResult } from "lit";
import type { Connection } from "../conversation/socket";
import { gettext } from "../i18n";
import { Close } from "../protocol";

export class ParleyConnection extends LitElement {
  static override properties = { connection: { attribute: false }, loginUrl: { attribute: false } };

  connection: Connection = { kind: "connecting" };
  loginUrl = "";
  private ticker: ReturnType<typeof setInterval> | undefined;

  override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.ticker);
  }

  override render(): TemplateResult {
    clearInterval(this.ticker);
    if (this.connection.kind === "waiting") this.ticker = setInterval(() => this.requestUpdate(), 1_000);
    const isOut = this.connection.kind === "closed" && this.connection.code === Close.NOT_LOGGED_IN;
    const link = isOut && this.loginUrl ? html`<a href=${this.loginUrl}>${gettext("Log in")}</a>` : "";
    return html`<p class="connection" data-state=${this.state()}>${this.sentence()} ${link}</p>`;
  }

  private state(): string {
    return this.connection.kind === "waiting" && !navigator.onLine ? "offline" : this.connection.kind;
  }

  private sentence(): string {
    switch (this.connection.kind) {
      case "connected":
        return gettext("Connected");
      case "connecting":
        return gettext("Connecting…");
      case "waiting":
        return waiting(this.connection.retryAt);
      default:
        return closed(this.connection.code);
    }
  }
}

function waiting(retryAt: number): string {
  if (!navigator.onLine) return gettext("Offline");
  const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000));
  return gettext("Reconnecting in %(seconds)s s", { seconds });
}

function closed(code: number): string {
  if (code === Close.NOT_LOGGED_IN) return gettext("You are no longer logged in.");
  if (code === Close.NOT_ALLOWED) return gettext("You may not take part in this chat.");
  return gettext("This chat no longer exists.");
}

customElements.define("parley-connection", ParleyConnection);
