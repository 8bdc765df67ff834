/** Dialogs, each loaded when it is first asked for. */

import type { ParleyDialog } from "./elements/dialog";

const LOADERS = {
  people: () => import("./elements/people"),
  settings: () => import("./elements/settings"),
  setup: () => import("./elements/setup"),
};

export type DialogName = keyof typeof LOADERS;

export function isDialog(name: string | undefined): name is DialogName {
  return name !== undefined && name in LOADERS;
}

/** Opens a dialog with what it needs to know; it removes itself when it is closed. */
export async function openDialog(name: DialogName, facts: Record<string, unknown>): Promise<void> {
  await LOADERS[name]();
  const dialog = document.createElement(`parley-${name}`) as ParleyDialog;
  document.body.append(Object.assign(dialog, facts));
}
