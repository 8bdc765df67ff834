/**
 * Keys for what a page can do. Any link, button or field may carry `data-shortcut="mod+shift+f"`, and
 * `data-command` to be found in the palette.
 */

import "../elements/palette";
import { isDialog, openDialog } from "../dialogs";
import type { ParleyPalette } from "../elements/palette";
import { HELP_KEYS, keysOf, PALETTE_KEYS, perform } from "./commands";

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
    const what = button?.getAttribute("data-opens") ?? undefined;
    if (isDialog(what)) void openDialog(what, {});
    else if (what) void openPalette(root, { help: what === "shortcuts" });
  });
}

function run(event: Event, action: () => void): void {
  event.preventDefault();
  action();
}

async function openPalette(root: Document, { help = false } = {}): Promise<void> {
  let palette = root.querySelector<ParleyPalette>("parley-palette");
  if (!palette) {
    palette = root.createElement("parley-palette") as ParleyPalette;
    root.body.append(palette);
  }
  await (help ? palette.showHelp() : palette.show());
}
