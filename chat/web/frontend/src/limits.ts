/** How much a chat's replies and the model's window may take, when somebody has changed that here. */

export const SETTINGS_SAVED = "parley-settings-saved";

/** `window`: in tokens, null where only the next reply will tell it; absent where it stays as it was. */
export interface Limits {
  readonly window?: number | null;
}

export function tellSettingsSaved(limits: Limits): void {
  window.dispatchEvent(new CustomEvent<Limits>(SETTINGS_SAVED, { detail: limits }));
}
