/** The disc that stands for a person: initials, on a colour that follows from who it is. */

import { html, type TemplateResult } from "lit";

const COLOURS = 6;

export function avatar(name: string, id: string): TemplateResult {
  const initials = [...name].slice(0, 2).join("").toLocaleUpperCase();
  return html`<span class="avatar" data-colour=${colourOf(id)} aria-hidden="true">${initials}</span>`;
}

function colourOf(id: string): number {
  return [...id].reduce((sum, char) => sum + (char.codePointAt(0) ?? 0), 0) % COLOURS;
}
