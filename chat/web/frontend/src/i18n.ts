/** The page's language: Django's JavaScript catalogue where the page loads one, else the English given. */

interface Catalogue {
  gettext(text: string): string;
}

declare global {
  var django: Catalogue | undefined;
}

/** The page's language, as its markup names it. */
export function language(): string {
  return document.documentElement.lang || "en";
}

/** `text` in the page's language. `%(name)s` stands for a value. */
export function gettext(text: string, values: Record<string, string | number> = {}): string {
  const translated = globalThis.django?.gettext(text) ?? text;
  return translated.replace(/%\((\w+)\)s/g, (placeholder, name: string) =>
    name in values ? String(values[name]) : placeholder,
  );
}
