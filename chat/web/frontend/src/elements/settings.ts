/** `<parley-settings>`: what this chat is, and how its replies are made. */

import { html, nothing, type TemplateResult } from "lit";
import type { Page } from "../conversation/page";
import { gettext, language } from "../i18n";
import { tellSettingsSaved } from "../limits";
import { count } from "../measurements";
import { isWhole, setWhole } from "../mode";
import { type Recipe, RecipeDialog } from "./recipe";

interface Session extends Recipe {
  message_count: number;
  token_usage: number;
  created_at: string;
  updated_at: string;
}

export class ParleySettings extends RecipeDialog {
  page!: Page;
  private session: Session | null = null;
  private isSaved = false;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  protected override heading(): string {
    return gettext("Chat settings");
  }

  protected override content(): TemplateResult {
    return html`${this.session ? this.facts(this.session) : nothing} ${this.mode()}
    ${this.session && this.page.role === "owner" ? this.form() : nothing}`;
  }

  private facts(session: Session): TemplateResult {
    const rows: [string, string][] = [
      [gettext("Model"), session.llm_model || gettext("the default")],
      [gettext("Messages"), count(session.message_count)],
      [gettext("Tokens used"), count(session.token_usage)],
      [gettext("Begun"), moment(session.created_at)],
      [gettext("Last changed"), moment(session.updated_at)],
    ];
    return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
  }

  private mode(): TemplateResult {
    const change = (event: Event) => setWhole((event.target as HTMLInputElement).checked);
    return html`<label class="switch"><input type="checkbox" .checked=${isWhole()} @change=${change} />
      ${gettext("Show replies only when they are whole")}</label>`;
  }

  private form(): TemplateResult {
    return html`<form class="stack" novalidate @submit=${this.save} @input=${this.touch}>
      ${this.fields()} ${this.keeping()}
      <div class="row">
        <button type="submit" class="primary">${gettext("Save")}</button>
        <span role="status">${this.isSaved ? gettext("Saved") : ""}</span>
      </div>
    </form>`;
  }

  private touch(): void {
    this.read();
    this.isSaved = false;
    this.requestUpdate();
  }

  private async load(): Promise<void> {
    const session = await this.ask<Session>("GET", `sessions/${this.page.session_id}`);
    if (!session) return;
    const { llm_model, system_prompt, settings } = session;
    this.recipe = { llm_model, system_prompt, settings };
    this.session = session;
    if (this.page.role === "owner") await this.loadChoices();
    this.requestUpdate();
  }

  private async save(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!this.isInRange()) return;
    const saved = await this.ask<Session>("PUT", `sessions/${this.page.session_id}`, this.read());
    this.isSaved = saved !== null;
    if (saved) this.tellLimits(this.session, saved);
    this.session = saved ?? this.session;
    showModel(this.session?.llm_model ?? "");
    this.requestUpdate();
  }

  private tellLimits(before: Session | null, { llm_model, settings }: Session): void {
    this.page.max_tokens =
      asNumber(settings.max_tokens) ?? this.defaultOf("max_tokens") ?? this.page.max_tokens;
    const window = asNumber(settings.context_size);
    const isSame = before?.llm_model === llm_model && asNumber(before.settings.context_size) === window;
    tellSettingsSaved(isSame ? {} : { window });
  }
}

function asNumber(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** In the bar above the conversation. */
function showModel(name: string): void {
  const place = document.querySelector("header .model");
  if (place) place.textContent = name;
}

function moment(time: string): string {
  return new Date(time).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
}

customElements.define("parley-settings", ParleySettings);
