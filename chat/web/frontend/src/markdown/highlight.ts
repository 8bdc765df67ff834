/** Colours for code. A chunk of its own: most chats have none. */

import hljs from "highlight.js/lib/common";

const LONGEST = 50_000;

/** HTML with a span for every token; null for a language nobody knows or a text too long to colour. */
export function highlight(text: string, language: string): string | null {
  if (text.length > LONGEST || !hljs.getLanguage(language)) return null;
  return hljs.highlight(text, { language, ignoreIllegals: true }).value;
}
