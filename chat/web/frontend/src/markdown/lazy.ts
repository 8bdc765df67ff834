/**
 * What only some texts need, loaded when the first one does: until then `highlight` and `typeset` answer
 * null, and `onLoaded` listeners render again afterwards.
 */

type Highlight = (text: string, language: string) => string | null;
type Typeset = (tex: string, isBlock: boolean) => string;

const AT_ONCE = 6;

const listeners = new Set<() => void>();
const colours = lazily<Highlight>(async () => (await import("./highlight")).highlight);
const formulas = lazily<Typeset>(async () => (await import("./typeset")).typeset);

/** The code as HTML with a span for every token, or null while that is loading or for an unknown language. */
export function highlight(text: string, language: string): string | null {
  return language === "" ? null : (colours()?.(text, language) ?? null);
}

/** The formula as MathML, or null while that is loading. */
export function typeset(tex: string, isBlock: boolean): string | null {
  return formulas()?.(tex, isBlock) ?? null;
}

/** Calls back whenever something has been loaded; returns how to stop that. */
export function onLoaded(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A few at a time, so that no frame is late for them: in a long chat they are many. */
async function tell(): Promise<void> {
  for (const [at, listener] of [...listeners].entries()) {
    if (at > 0 && at % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve));
    if (listeners.has(listener)) listener();
  }
}

function lazily<T>(load: () => Promise<T>): () => T | null {
  let loaded: T | null = null;
  let isAsked = false;
  return () => {
    if (!isAsked) {
      isAsked = true;
      load().then(
        (value) => {
          loaded = value;
          void tell();
        },
        () => {
          isAsked = false; // offline, perhaps; the next text tries again
        },
      );
    }
    return loaded;
  };
}
