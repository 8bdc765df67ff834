/** Times that say how long ago something was, kept true while the page stays open. */

import { language } from "../i18n";

const EVERY_MS = 30_000;
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** How long ago `time` was, in words. */
export function ago(time: Date, now: Date, tongue: string): string {
  const seconds = Math.round((time.getTime() - now.getTime()) / 1_000);
  const words = new Intl.RelativeTimeFormat(tongue, { numeric: "auto" });
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return words.format(Math.trunc(seconds / size), unit);
}

/** Rewrites every `<time data-relative>` now and then; its title has the time itself. */
export function keepTimes(root: Document): void {
  const write = (): void => {
    for (const element of root.querySelectorAll<HTMLTimeElement>("time[data-relative]")) {
      const time = new Date(element.dateTime);
      element.textContent = ago(time, new Date(), language());
      element.title = time.toLocaleString(language());
    }
  };
  write();
  setInterval(write, EVERY_MS);
  root.addEventListener("htmx:afterSwap", write);
}
