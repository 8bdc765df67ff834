/** The discs that stand for who writes: a person's initials, or the model. */

import { html, nothing, type TemplateResult } from "lit";

const COLOURS = 6;

/** A person's, on a colour that follows from who it is; one's own has the page's. */
export function avatar(name: string, id: string, userId: string): TemplateResult {
  const initials = [...name].slice(0, 2).join("").toLocaleUpperCase();
  const colour = id === userId ? nothing : colourOf(id);
  return html`<span class="avatar" data-colour=${colour} aria-hidden="true">${initials}</span>`;
}

export function modelAvatar(): TemplateResult {
  return html`<span class="avatar" data-model data-icon="model"></span>`;
}

function colourOf(id: string): number {
  return [...id].reduce((sum, char) => sum + (char.codePointAt(0) ?? 0), 0) % COLOURS;
}
