/** What a chat begins with: model, system prompt and settings, from a preset or by hand. */

import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";

import { gettext } from "../i18n";
import { type ModelChoice, modelStatus } from "../pages/models";
import { ParleyDialog } from "./dialog";
import { type Option, optionFields, outOfRange, readSettings, type Settings } from "./options";

export interface Recipe {
  llm_model: string;
  system_prompt: string;
  settings: Settings;
}

interface Model extends ModelChoice {
  is_default: boolean;
}

interface Preset extends Recipe {
  id: string;
  name: string;
  is_shared: boolean;
  is_mine: boolean;
}

export abstract class RecipeDialog extends ParleyDialog {
  protected recipe: Recipe = { llm_model: "", system_prompt: "", settings: {} };
  private models: Model[] = [];
  private presets: Preset[] = [];
  private options: Option[] = [];
  private chosen: Preset | undefined;
  private mayShare = false;
  private name = "";
  private isShared = false;
  private said = "";

  /** Asks the server what there is to choose from. */
  protected async loadChoices(): Promise<void> {
    const [models, presets] = await Promise.all([
      this.ask<{ models: Model[] }>("GET", "models"),
      this.ask<{ presets: Preset[]; may_share: boolean }>("GET", "presets"),
    ]);
    this.models = models?.models ?? [];
    const current = this.recipe.llm_model;
    if (current && !this.models.some(({ slug }) => slug === current)) {
      this.models.unshift({ slug: current, provider: "LOCAL", status: "down", is_default: false });
    }
    this.presets = presets?.presets ?? [];
    this.mayShare = presets?.may_share ?? false;
    this.recipe.llm_model ||= this.models.find(({ is_default }) => is_default)?.slug ?? "";
    await this.loadOptions();
  }

  protected fields(): TemplateResult {
    return html`
      ${this.presetField()}
      <div class="field">
        <label for="set-model">${gettext("Model")}</label>
        <select id="set-model" name="llm_model" @change=${this.changeModel}>${this.models.map(
          ({ slug, status }) =>
            html`<option value=${slug} .selected=${live(slug === this.recipe.llm_model)} ?disabled=${status === "down" && slug !== this.recipe.llm_model}>${slug}</option>`,
        )}</select>
        ${modelStatus(this.models.find(({ slug }) => slug === this.recipe.llm_model))}
      </div>
      <div class="field">
        <label for="set-system">${gettext("System prompt")}</label>
        <textarea id="set-system" name="system_prompt" rows="3" maxlength="60000" placeholder=${gettext("How should the model behave?")} .value=${live(this.recipe.system_prompt)}></textarea>
      </div>
      <details>
        <summary>${gettext("Parameters")}</summary>
        ${optionFields(this.options, this.recipe.settings)}
      </details>
    `;
  }

  /** Where what the form says gets a name. */
  protected keeping(): TemplateResult {
    const isMine = this.chosen?.is_mine ?? false;
    return html`<details class="keeping">
      <summary>${gettext("Keep as a preset")}</summary>
      <div class="row">
        <label class="visually-hidden" for="preset-name">${gettext("Name of the preset")}</label>
        <input id="preset-name" maxlength="60" placeholder=${gettext("Name of the preset")} .value=${live(this.name)} @input=${this.typeName} />
        <button type="button" @click=${this.keep}>${gettext("Keep")}</button>
        ${isMine ? html`<button type="button" class="danger-text" @click=${this.forget}>${gettext("Delete the preset")}</button>` : nothing}
      </div>
      ${this.mayShare ? this.sharing() : nothing}
      <p role="status">${this.said}</p>
    </details>`;
  }

  /** What the form says, kept so that drawing it again changes nothing. */
  protected read(): Recipe {
    const form = new FormData(this.querySelector("form") as HTMLFormElement);
    this.recipe = {
      llm_model: String(form.get("llm_model") ?? this.recipe.llm_model),
      system_prompt: String(form.get("system_prompt") ?? ""),
      settings: readSettings(this.options, form, this.recipe.settings),
    };
    return this.recipe;
  }

  /** What an option is where nobody has chosen. */
  protected defaultOf(name: string): number | null {
    const found = this.options.find((option) => option.name === name)?.default;
    return typeof found === "number" ? found : null;
  }

  /** Whether every number is in its range; of one that is not it is told. */
  protected isInRange(): boolean {
    const wrong = this.querySelector<HTMLInputElement>("form input:invalid");
    const option = this.options.find(({ name }) => name === wrong?.name);
    if (!wrong || !option) return true;
    this.problem = outOfRange(option);
    this.requestUpdate();
    wrong.focus();
    return false;
  }

  private presetField(): TemplateResult | typeof nothing {
    if (this.presets.length === 0) return nothing;
    const groups = [
      [gettext("Yours"), this.presets.filter(({ is_mine }) => is_mine)],
      [gettext("For everybody"), this.presets.filter(({ is_mine }) => !is_mine)],
    ] as const;
    return html`<div class="field">
      <label for="set-preset">${gettext("Preset")}</label>
      <select id="set-preset" @change=${this.applyPreset}>
        <option value="" .selected=${live(!this.chosen)}>${gettext("None")}</option>
        ${groups.map(([label, presets]) =>
          presets.length === 0
            ? nothing
            : html`<optgroup label=${label}>${presets.map(
                ({ id, name }) =>
                  html`<option value=${id} .selected=${live(id === this.chosen?.id)}>${name}</option>`,
              )}</optgroup>`,
        )}
      </select>
    </div>`;
  }

  private sharing(): TemplateResult {
    const change = (event: Event) => {
      this.isShared = (event.target as HTMLInputElement).checked;
    };
    return html`<label class="switch"><input type="checkbox" .checked=${live(this.isShared)} @change=${change} />
      ${gettext("Offer it to everybody")}</label>`;
  }

  private async applyPreset(event: Event): Promise<void> {
    const id = (event.target as HTMLSelectElement).value;
    this.read();
    this.chosen = this.presets.find((preset) => preset.id === id);
    this.name = this.chosen?.is_mine ? this.chosen.name : "";
    this.isShared = this.chosen?.is_shared ?? false;
    if (this.chosen) {
      const { llm_model, system_prompt, settings } = this.chosen;
      this.recipe = { llm_model: llm_model || this.recipe.llm_model, system_prompt, settings };
    }
    await this.loadOptions();
  }

  private typeName(event: Event): void {
    this.name = (event.target as HTMLInputElement).value;
  }

  private async changeModel(): Promise<void> {
    this.read();
    await this.loadOptions();
  }

  private async loadOptions(): Promise<void> {
    const model = encodeURIComponent(this.recipe.llm_model);
    const found = await this.ask<{ options: Option[] }>("GET", `options?model=${model}`);
    this.options = found?.options ?? [];
    this.requestUpdate();
  }

  private async keep(): Promise<void> {
    if (!this.isInRange()) return;
    const name = this.name.trim();
    const body = { name, ...this.read(), ...(this.mayShare ? { is_shared: this.isShared } : {}) };
    const old = this.presets.find((preset) => preset.is_mine && preset.name === name);
    const kept = await (old
      ? this.ask<Preset>("PUT", `presets/${old.id}`, body)
      : this.ask<Preset>("POST", "presets", body));
    if (!kept) return;
    this.presets = [...this.presets.filter(({ id }) => id !== kept.id), kept];
    this.chosen = kept;
    this.said = gettext("Kept as %(name)s", { name: kept.name });
    this.requestUpdate();
  }

  private async forget(): Promise<void> {
    this.read();
    const gone = this.chosen;
    if (!gone || !(await this.ask("DELETE", `presets/${gone.id}`))) return;
    this.presets = this.presets.filter(({ id }) => id !== gone.id);
    this.chosen = undefined;
    this.name = "";
    this.said = gettext("The preset was deleted.");
    this.requestUpdate();
  }
}
