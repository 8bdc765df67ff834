/** What this tab remembers over a reload. In a frame of another site a browser may forbid it: then nothing. */

export function recall(key: string): string {
  try {
    return sessionStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** An empty value is forgotten. */
export function remember(key: string, value: string): void {
  try {
    if (value === "") sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // Forbidden.
  }
}
