/** What a page can do: elements with `data-command` or `data-shortcut`, and the keys for them. */

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
