/** The settings that people choose by hand, as fields of a form. */

import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";

import { gettext } from "../i18n";
import { count } from "../measurements";

export interface Option {
  name: string;
  kind: "number" | "integer" | "choice";
  default: number | string | null;
  minimum: number | null;
  maximum: number | null;
  choices: string[];
}

export type Settings = Record<string, unknown>;

export function optionFields(options: Option[], settings: Settings): TemplateResult {
  return html`<div class="options">${options.map((option) => field(option, settings[option.name]))}</div>`;
}

/** `before` with what the form says; what is as the server has it by itself is left out. */
export function readSettings(options: Option[], form: FormData, before: Settings): Settings {
  const settings = { ...before };
  for (const option of options) {
    const text = String(form.get(option.name) ?? "").trim();
    if (text === "" || text === option.default) delete settings[option.name];
    else settings[option.name] = option.kind === "choice" ? text : Number(text);
  }
  return settings;
}

function field(option: Option, value: unknown): TemplateResult {
  const id = `set-${option.name}`;
  return html`<div class="field">
    <label for=${id}>${nameOf(option.name)}</label>
    ${option.kind === "choice" ? choice(option, id, value) : number(option, id, value)}
  </div>`;
}

function choice(option: Option, id: string, value: unknown): TemplateResult {
  const chosen = value ?? option.default;
  return html`<select id=${id} name=${option.name}>${option.choices.map(
    (each) => html`<option value=${each} .selected=${live(each === chosen)}>${nameOf(each)}</option>`,
  )}</select>`;
}

/** What is wrong with a number that is not in its option's range. */
export function outOfRange(option: Option): string {
  const values = { name: nameOf(option.name), ...rangeOf(option) };
  return gettext("%(name)s must be from %(minimum)s to %(maximum)s.", values);
}

function rangeOf({ minimum, maximum }: Option): { minimum: string; maximum: string } {
  return { minimum: count(minimum ?? 0, 2), maximum: count(maximum ?? 0, 2) };
}

function number(option: Option, id: string, value: unknown): TemplateResult {
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
      .value=${live(value === undefined || value === null ? "" : String(value))}
    /><span id="${id}-range" class="range">${gettext("%(minimum)s to %(maximum)s", rangeOf(option))}</span>`;
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
