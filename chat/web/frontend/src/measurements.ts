/** What a reply cost, in words. Pure. */

import { gettext, language } from "./i18n";
import type { MessageView } from "./protocol";

/** Names and values, those that are known. */
export function measurements(message: MessageView): [name: string, value: string][] {
  const { metrics } = message;
  const known: [string, string | null][] = [
    [gettext("Model"), message.llm_model || null],
    [gettext("Speed"), number(metrics.tokens_per_second, gettext("tokens/s"), 1)],
    [gettext("First text after"), number(metrics.ttft_ms, "ms")],
    [gettext("Waited"), number(metrics.queue_ms, "ms")],
    [gettext("In all"), number(message.response_time_ms, "ms")],
    [gettext("Written"), number(message.tokens_used, gettext("tokens"))],
    [gettext("Read"), number(metrics.prompt_tokens, gettext("tokens"))],
    [gettext("Of those known already"), number(metrics.cached_tokens, gettext("tokens"))],
    [gettext("Worker"), metrics.worker || null],
  ];
  return known.filter((row): row is [string, string] => row[1] !== null);
}

/** A number as the page's language writes it. */
export function count(value: number, digits = 0): string {
  return value.toLocaleString(language(), { maximumFractionDigits: digits });
}

function number(value: number | null, unit: string, digits = 0): string | null {
  return value === null ? null : `${count(value, digits)} ${unit}`;
}
