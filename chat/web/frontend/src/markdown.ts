/**
 * Markdown to safe HTML, block by block, so that a growing text renders only its last block again.
 *
 * Raw HTML shows as the text it is, pictures as links; what is left passes an allow list.
 */

import DOMPurify from "dompurify";
import { Marked, type Tokens } from "marked";

const REMEMBERED_BLOCKS = 500;
const TAGS =
  "a blockquote br code del em h3 h4 h5 h6 hr li ol p pre strong table tbody td th thead tr ul".split(" ");
const ATTRIBUTES = ["align", "data-language", "href", "rel", "start", "tabindex", "target", "title"];
const OUTWARD = /^(https?:|mailto:)/i;

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  if (!OUTWARD.test(node.getAttribute("href") ?? "")) node.removeAttribute("href");
  node.setAttribute("rel", "noopener noreferrer");
  node.setAttribute("target", "_blank");
});

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  renderer: {
    html: ({ text }) => escapeHtml(text),
    image: ({ href, text }) => `<a href="${escapeHtml(href)}">${escapeHtml(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    heading({ tokens, depth }: Tokens.Heading) {
      // The page's own headings come first.
      const level = Math.min(6, depth + 2);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
    code({ text, lang }: Tokens.Code) {
      const language = lang?.match(/^\S+/)?.[0] ?? "";
      const name = language ? ` data-language="${escapeHtml(language)}"` : "";
      return `<pre tabindex="0"${name}><code>${escapeHtml(text)}</code></pre>`;
    },
  },
});

const remembered = new Map<string, string>();

/** The safe HTML of each block of `text`. */
export function renderBlocks(text: string): string[] {
  const tokens = marked.lexer(text);
  return tokens.filter((token) => token.type !== "space").map((token) => sanitise(marked.parser([token])));
}

function sanitise(html: string): string {
  const known = remembered.get(html);
  if (known !== undefined) return known;
  const safe = purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
  if (remembered.size >= REMEMBERED_BLOCKS) remembered.clear();
  remembered.set(html, safe);
  return safe;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
