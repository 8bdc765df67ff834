/**
 * Markdown to safe HTML, block by block, so that a growing text renders only its last block again.
 *
 * Raw HTML shows as the text it is, pictures as links; what is left passes an allow list. Colours for code
 * and formulas come from chunks that are loaded when the first text needs them.
 */

import DOMPurify from "dompurify";
import { Marked, type Tokens } from "marked";
import remend from "remend";

import { gettext } from "../i18n";
import { highlight, typeset } from "./lazy";
import { formulas } from "./math";

const REMEMBERED_BLOCKS = 500;
const TAGS =
  "a blockquote br button code del div em h3 h4 h5 h6 hr li ol p pre span strong table tbody td th thead tr ul".split(
    " ",
  );
const MATH_TAGS =
  "math semantics annotation mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle msub msup msubsup munder mover munderover mmultiscripts mprescripts mtable mtr mtd mlabeledtr mpadded mphantom menclose merror".split(
    " ",
  );
const ATTRIBUTES = ["align", "class", "data-copy", "href", "rel", "start", "tabindex"];
const MORE_ATTRIBUTES = ["target", "title", "type"];
const MATH_ATTRIBUTES =
  "accent accentunder columnalign columnlines columnspacing depth display displaystyle encoding fence height linethickness lspace mathcolor mathsize mathvariant maxsize minsize movablelimits notation rowlines rowspacing rspace scriptlevel separator stretchy symmetric voffset width xmlns".split(
    " ",
  );
const OUTWARD = /^(https?:|mailto:)/i;
const SCHEME = /^(https?:\/\/|mailto:)/;
const AFTER_HOST = /^([/?#]|:\d+([/?#]|$)|$)/;

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  const href = node.getAttribute("href") ?? "";
  if (!OUTWARD.test(href)) node.removeAttribute("href");
  else showHost(node, hostOf(href));
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
      const label = `<span>${escapeHtml(language)}</span>`;
      const copy = `<button type="button" class="quiet" data-copy="code">${escapeHtml(gettext("Copy code"))}</button>`;
      const body = highlight(text, language) ?? escapeHtml(text);
      return `<div class="code"><div class="code-bar">${label}${copy}</div><pre tabindex="0"><code>${body}</code></pre></div>`;
    },
  },
});
marked.use(formulas((tex, isBlock) => typeset(tex, isBlock) ?? `<code>${escapeHtml(tex)}</code>`));

const remembered = new Map<string, string>();

/** The safe HTML of each block of `text`. A text that is still growing has its open marks closed. */
export function renderBlocks(text: string, { isGrowing = false } = {}): string[] {
  const tokens = marked.lexer(isGrowing ? remend(text, { linkMode: "text-only" }) : text);
  return tokens.filter((token) => token.type !== "space").map((token) => sanitise(marked.parser([token])));
}

function sanitise(html: string): string {
  const known = remembered.get(html);
  if (known !== undefined) return known;
  const safe = purifier.sanitize(html, {
    ALLOWED_TAGS: [...TAGS, ...MATH_TAGS],
    ALLOWED_ATTR: [...ATTRIBUTES, ...MORE_ATTRIBUTES, ...MATH_ATTRIBUTES],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
  if (remembered.size >= REMEMBERED_BLOCKS) remembered.clear();
  remembered.set(html, safe);
  return safe;
}

/** Where a link leads stands beside it, unless its text begins with that. */
function showHost(link: Element, host: string): void {
  link.setAttribute("title", host);
  const address = (link.textContent ?? "").trim().toLowerCase().replace(SCHEME, "");
  if (address.startsWith(host) && AFTER_HOST.test(address.slice(host.length))) return;
  const shown = document.createElement("span");
  shown.className = "host";
  shown.textContent = `(${host})`;
  link.after(" ", shown);
}

/** The host, or of a mail address the whole. */
function hostOf(href: string): string {
  try {
    const { host, pathname } = new URL(href);
    return host || pathname.toLowerCase();
  } catch {
    return href;
  }
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
