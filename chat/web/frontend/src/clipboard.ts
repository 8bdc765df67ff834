/** Puts text on the clipboard. False where the browser does not let a page do that (plain HTTP, say). */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Makes the copy buttons of code blocks work, wherever they are drawn. */
export async function copyCode(event: Event): Promise<void> {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  const code = button?.closest(".code")?.querySelector("code");
  if (!button || !code) return;
  button.toggleAttribute("data-copied", await copyText(code.textContent ?? ""));
}
