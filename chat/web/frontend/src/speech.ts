/** The browser's own ear and voice, where it has them. */

import { gettext, language } from "./i18n";

interface Heard extends Event {
  readonly results: ArrayLike<ArrayLike<{ transcript: string }>>;
}

interface Failed extends Event {
  readonly error: string;
}

interface Recognition extends EventTarget {
  lang: string;
  continuous: boolean;
  interimResults: boolean;
  start(): void;
  stop(): void;
  abort(): void;
}

export interface Dictation {
  /** What was said last is still heard. */
  stop(): void;
  /** Nothing is heard any more. */
  abort(): void;
}

const BARRED: readonly string[] = ["not-allowed", "service-not-allowed", "audio-capture"];
const HARMLESS: readonly string[] = ["aborted", "no-speech"];

type Ear = new () => Recognition;

function ear(): Ear | undefined {
  const able = globalThis as unknown as Record<string, Ear | undefined>;
  return able.SpeechRecognition ?? able.webkitSpeechRecognition;
}

export function canListen(): boolean {
  return ear() !== undefined;
}

/** Calls `heard` with all that was said so far, again and again; `ended` once, with what went wrong, if anything. */
export function listen(heard: (words: string) => void, ended: (problem: string) => void): Dictation | null {
  const Recognition = ear();
  if (!Recognition) return null;
  const recognition = new Recognition();
  let isDeaf = false;
  let problem = "";
  recognition.lang = language();
  recognition.continuous = true;
  recognition.interimResults = true;
  recognition.addEventListener("result", (event) => {
    if (!isDeaf)
      heard(Array.from((event as Heard).results, (result) => result[0]?.transcript ?? "").join(""));
  });
  recognition.addEventListener("error", (event) => {
    problem = explain((event as Failed).error);
  });
  recognition.addEventListener("end", () => ended(problem), { once: true });
  recognition.start();
  return {
    stop: () => recognition.stop(),
    abort: () => {
      isDeaf = true;
      recognition.abort();
    },
  };
}

function explain(error: string): string {
  if (HARMLESS.includes(error)) return "";
  if (BARRED.includes(error)) return gettext("The microphone cannot be used: allow it for this page.");
  return gettext("Dictation does not work now. Try again.");
}

export function canSpeak(): boolean {
  return "speechSynthesis" in globalThis;
}

/** Reads a text aloud; whatever was being read stops. `ended` is called once, also when something else is read. */
export function speak(text: string, ended: () => void): () => void {
  const words = new SpeechSynthesisUtterance(text);
  words.lang = language();
  words.addEventListener("end", ended, { once: true });
  words.addEventListener("error", ended, { once: true });
  speechSynthesis.cancel();
  speechSynthesis.speak(words);
  return () => speechSynthesis.cancel();
}
