/**
 * Keys for what a page can do. Any link, button or field may carry `data-shortcut="mod+shift+f"`, and
 * `data-command` to be found in the palette. The palette itself is loaded when it is first asked for.
 */

import type { ParleyPalette } from "./elements/palette";

export const PALETTE_KEYS = "mod+k";
export const HELP_KEYS = "mod+/";

/** What an element with `data-command` or `data-shortcut` is called. */
export function nameOf(element: HTMLElement): string {
  const said = element.dataset.command || element.getAttribute("aria-label") || element.textContent || "";
  return said.trim();
}

/** Presses a button, follows a link, goes to a field. */
export function perform(element: HTMLElement): void {
  if (element.matches("input, textarea, select")) element.focus();
  else element.click();
}

/** A key press in the words of `data-shortcut`; `mod` is Ctrl, or Cmd on Apple's machines. */
export function keysOf(event: KeyboardEvent): string {
  const parts = [
    event.ctrlKey || event.metaKey ? "mod" : "",
    event.altKey ? "alt" : "",
    event.shiftKey ? "shift" : "",
    event.key.toLowerCase(),
  ];
  return parts.filter((part) => part !== "").join("+");
}

/** Listens for all shortcuts of the page. */
export function listenForShortcuts(root: Document): void {
  root.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const keys = keysOf(event);
    const dialog = root.querySelector("dialog[open]");
    if (keys === PALETTE_KEYS && !dialog) run(event, () => openPalette(root));
    else if (keys === HELP_KEYS && !dialog) run(event, () => openPalette(root, { help: true }));
    else {
      const able = [...root.querySelectorAll<HTMLElement>("[data-shortcut]")];
      const element = able.find(({ dataset }) => dataset.shortcut === keys);
      if (element && !dialog) run(event, () => perform(element));
    }
  });
  root.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-opens]") : null;
    const what = button?.getAttribute("data-opens");
    if (what) openPalette(root, { help: what === "shortcuts" });
  });
}

function run(event: Event, action: () => void): void {
  event.preventDefault();
  action();
}

async function openPalette(root: Document, { help = false } = {}): Promise<void> {
  await import("./elements/palette");
  let palette = root.querySelector<ParleyPalette>("parley-palette");
  if (!palette) {
    palette = root.createElement("parley-palette") as ParleyPalette;
    root.body.append(palette);
  }
  await (help ? palette.showHelp() : palette.show());
}
