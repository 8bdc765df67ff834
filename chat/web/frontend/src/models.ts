/** Models to choose from: who answers for each, and how that is going. */

import { html, nothing, render, type TemplateResult } from "lit";

import { gettext } from "./i18n";
import { icon } from "./icons";

export interface ModelChoice {
  slug: string;
  provider: string;
  status: string;
}

/** Who answers, as an icon and a name. */
export function providerIcon(provider: string): SVGElement {
  return icon(provider === "LOCAL" ? "local" : "remote");
}

/** A line below a model picker. */
export function modelStatus(choice: ModelChoice | undefined): TemplateResult | typeof nothing {
  if (!choice) return nothing;
  return html`<span class="provider" data-status=${choice.status}>
    ${providerIcon(choice.provider)}
    <span>${choice.provider === "LOCAL" ? gettext("This server") : choice.provider}</span>
    <span class="state">${stateOf(choice.status)}</span>
  </span>`;
}

/** Keeps the line below every picker that the server rendered. */
export function keepModelStatus(root: Document): void {
  for (const place of root.querySelectorAll<HTMLElement>("[data-status-of]")) {
    const select = root.querySelector<HTMLSelectElement>(`#${place.dataset.statusOf}`);
    if (!select) continue;
    const show = () => {
      const { provider, status } = select.selectedOptions[0]?.dataset ?? {};
      render(provider && status ? modelStatus({ slug: select.value, provider, status }) : nothing, place);
    };
    select.addEventListener("change", show);
    show();
  }
}

function stateOf(status: string): string {
  if (status === "up") return gettext("ready");
  return status === "degraded" ? gettext("unsteady") : gettext("not answering");
}
