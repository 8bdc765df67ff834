/** Whether replies are shown as they are written, or only when they are whole; kept on this device. */

const KEY = "parley-whole-replies";

export const MODE_CHANGED = "parley-mode-changed";

export function isWhole(): boolean {
  return localStorage.getItem(KEY) === "yes";
}

export function setWhole(isWanted: boolean): void {
  if (isWanted) localStorage.setItem(KEY, "yes");
  else localStorage.removeItem(KEY);
  window.dispatchEvent(new Event(MODE_CHANGED));
}
