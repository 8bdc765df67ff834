/** Boxes that a `summary` opens: Escape closes them, as it does the browser's own menus. */
export function closeOnEscape(root: Document): void {
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !(event.target instanceof Element)) return;
    const opened = event.target.closest<HTMLDetailsElement>("details[open]");
    if (!opened?.querySelector(":scope > .box")) return;
    event.preventDefault();
    opened.open = false;
    opened.querySelector("summary")?.focus();
  });
}
