/** Formulas as MathML, which browsers draw without fonts or inline styles of ours. A chunk of its own. */

import katex from "katex";

/** A formula that cannot be read comes back as its source, marked as an error. */
export function typeset(tex: string, isBlock: boolean): string {
  const html = katex.renderToString(tex, {
    output: "mathml",
    displayMode: isBlock,
    throwOnError: false,
    trust: false,
    maxSize: 20,
    maxExpand: 200,
  });
  // An error has a colour of its own; only to read that would offend the content policy.
  return html.replace(/ style="[^"]*"/g, "");
}
