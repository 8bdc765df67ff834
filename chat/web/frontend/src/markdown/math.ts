/** Formulas in Markdown: `$…$`, `$$…$$` and `\(…\)` in a line, `$$…$$` and `\[…\]` on lines of their own. */

import type { MarkedExtension, Tokens } from "marked";

const BLOCK = /^(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])(?:\n+|$)/;
// No blank inside the dollars and no digit after them: "$5 and $10" is about money.
const INLINE = /^(?:\$\$([^$\n]+?)\$\$|\$(?![\s$])((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)|\\\((.+?)\\\))/;

/** Marked's extension; `draw` gives a formula's HTML. */
export function formulas(draw: (tex: string, isBlock: boolean) => string): MarkedExtension {
  const rule = (name: string, level: "block" | "inline", pattern: RegExp, mark: RegExp) => ({
    name,
    level,
    start: (source: string) => source.match(mark)?.index,
    tokenizer(source: string): Tokens.Generic | undefined {
      const match = pattern.exec(source);
      return match
        ? { type: name, raw: match[0], tex: (match[1] ?? match[2] ?? match[3] ?? "").trim() }
        : undefined;
    },
    renderer: (token: Tokens.Generic) => draw(String(token.tex), level === "block"),
  });
  return {
    extensions: [
      // A paragraph ends only where a line begins with a formula.
      rule("formula", "block", BLOCK, /\n(?:\$\$|\\\[)/),
      rule("inlineFormula", "inline", INLINE, /\$|\\\(/),
    ],
  };
}
