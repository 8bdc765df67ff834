/** `<parley-settings>`: what this chat is, and how its replies are made. */

import { html, nothing, type TemplateResult } from "lit";

import { gettext } from "../i18n";
import { count } from "../measurements";
import { isWhole, setWhole } from "../mode";
import type { Page } from "../page";
import { ParleyDialog } from "./dialog";

interface Session {
  llm_model: string;
  system_prompt: string;
  settings: Record<string, unknown>;
  message_count: number;
  token_usage: number;
  created_at: string;
  updated_at: string;
}

interface Option {
  name: string;
  kind: "number" | "integer" | "choice";
  default: number | string | null;
  minimum: number | null;
  maximum: number | null;
  choices: string[];
}

export class ParleySettings extends ParleyDialog {
  page!: Page;
  private session: Session | null = null;
  private options: Option[] = [];
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
    ${this.session && this.page.role === "owner" ? this.form(this.session) : nothing}`;
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

  private form(session: Session): TemplateResult {
    return html`<form class="stack" novalidate @submit=${this.save} @input=${this.touch}>
      <div class="field">
        <label for="set-system">${gettext("System prompt")}</label>
        <textarea id="set-system" name="system_prompt" rows="3" maxlength="60000" .value=${session.system_prompt}></textarea>
      </div>
      <div class="options">${this.options.map((option) => this.field(option, session.settings[option.name]))}</div>
      <div class="row">
        <button type="submit" class="primary">${gettext("Save")}</button>
        <span role="status">${this.isSaved ? gettext("Saved") : ""}</span>
      </div>
    </form>`;
  }

  private field(option: Option, value: unknown): TemplateResult {
    const id = `set-${option.name}`;
    return html`<div class="field">
      <label for=${id}>${nameOf(option.name)}</label>
      ${option.kind === "choice" ? this.choice(option, id, value) : this.number(option, id, value)}
    </div>`;
  }

  private choice(option: Option, id: string, value: unknown): TemplateResult {
    const chosen = value ?? option.default;
    return html`<select id=${id} name=${option.name}>${option.choices.map(
      (each) => html`<option value=${each} ?selected=${each === chosen}>${nameOf(each)}</option>`,
    )}</select>`;
  }

  private number(option: Option, id: string, value: unknown): TemplateResult {
    const range = { minimum: option.minimum ?? "", maximum: count(option.maximum ?? 0, 2) };
    return html`<input
        id=${id}
        name=${option.name}
        type="number"
        inputmode="decimal"
        step=${option.kind === "integer" ? "1" : "any"}
        min=${option.minimum ?? nothing}
        max=${option.maximum ?? nothing}
        placeholder=${option.default ?? ""}
        aria-describedby="${id}-range"
        .value=${value === undefined || value === null ? "" : String(value)}
      /><span id="${id}-range" class="range">${gettext("%(minimum)s to %(maximum)s", range)}</span>`;
  }

  private touch(): void {
    this.isSaved = false;
    this.requestUpdate();
  }

  private async load(): Promise<void> {
    const session = await this.ask<Session>("GET", `sessions/${this.page.session_id}`);
    if (!session) return;
    const model = encodeURIComponent(session.llm_model);
    const found = await this.ask<{ options: Option[] }>("GET", `options?model=${model}`);
    this.session = session;
    this.options = found?.options ?? [];
    this.requestUpdate();
  }

  private async save(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement);
    const settings = { ...this.session?.settings };
    for (const option of this.options) {
      const text = String(given.get(option.name) ?? "").trim();
      if (text === "" || text === option.default) delete settings[option.name];
      else settings[option.name] = option.kind === "choice" ? text : Number(text);
    }
    const changes = { system_prompt: String(given.get("system_prompt") ?? ""), settings };
    const saved = await this.ask<Session>("PUT", `sessions/${this.page.session_id}`, changes);
    this.isSaved = saved !== null;
    this.session = saved ?? this.session;
    this.requestUpdate();
  }
}

function moment(time: string): string {
  const language = document.documentElement.lang || "en";
  return new Date(time).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

function nameOf(name: string): string {
  const names: Record<string, string> = {
    temperature: gettext("Temperature"),
    max_tokens: gettext("Longest reply, in tokens"),
    top_p: gettext("Top p"),
    top_k: gettext("Top k"),
    min_p: gettext("Min p"),
    typical_p: gettext("Typical p"),
    seed: gettext("Seed"),
    repeat_penalty: gettext("Repeat penalty"),
    presence_penalty: gettext("Presence penalty"),
    frequency_penalty: gettext("Frequency penalty"),
    context_policy: gettext("Long conversations"),
    context_turns: gettext("Latest turns shown"),
    context_size: gettext("Window, in tokens"),
    retain_tokens: gettext("Tokens kept"),
    compression_ratio: gettext("Shortened to"),
    keep_all: gettext("refuse what is too long"),
    last_turns: gettext("show the latest turns"),
    sliding_window: gettext("leave out the oldest"),
    compress: gettext("shorten the oldest"),
  };
  return names[name] ?? name;
}

customElements.define("parley-settings", ParleySettings);
