/** Models to choose from: who answers for each, and how that is going. */

import { html, nothing, render, type TemplateResult } from "lit";

import type { IconName } from "../../icons";
import { gettext } from "../i18n";
import { count } from "../measurements";

export interface ModelChoice {
  slug: string;
  provider: string;
  status: string;
  /** To a provider's first token, lately. */
  latency_ms?: number | null;
}

/** Who answers, as an icon. */
export function providerIcon(provider: string): IconName {
  return provider === "LOCAL" ? "local" : "remote";
}

/** A line below a model picker. */
export function modelStatus(choice: ModelChoice | undefined): TemplateResult | typeof nothing {
  if (!choice) return nothing;
  return html`<span class="provider" data-icon=${providerIcon(choice.provider)} data-status=${choice.status}>
    <span>${choice.provider === "LOCAL" ? gettext("This server") : choice.provider}</span>
    <span class="state">${stateOf(choice)}</span>
  </span>`;
}

/** Keeps the line below every picker that the server rendered. */
export function keepModelStatus(root: Document): void {
  for (const place of root.querySelectorAll<HTMLElement>("[data-status-of]")) {
    const select = root.querySelector<HTMLSelectElement>(`#${place.dataset.statusOf}`);
    if (!select) continue;
    const show = () => {
      const { provider, status, latency } = select.selectedOptions[0]?.dataset ?? {};
      const latency_ms = latency ? Number(latency) : null;
      const choice = provider && status ? { slug: select.value, provider, status, latency_ms } : undefined;
      render(modelStatus(choice), place);
    };
    select.addEventListener("change", show);
    show();
  }
}

function stateOf({ status, latency_ms }: ModelChoice): string {
  if (status === "down") return gettext("not answering");
  const state = status === "up" ? gettext("ready") : gettext("unsteady");
  if (typeof latency_ms !== "number") return state;
  return gettext("%(state)s, first text after %(ms)s ms", { state, ms: count(latency_ms) });
}
