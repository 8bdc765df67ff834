/** The browser's own ear and voice, where it has them. */

interface Heard extends Event {
  readonly results: ArrayLike<ArrayLike<{ transcript: string }>>;
}

interface Recognition extends EventTarget {
  lang: string;
  continuous: boolean;
  interimResults: boolean;
  start(): void;
  stop(): void;
}

type Ear = new () => Recognition;

function ear(): Ear | undefined {
  const able = globalThis as unknown as Record<string, Ear | undefined>;
  return able.SpeechRecognition ?? able.webkitSpeechRecognition;
}

export function canListen(): boolean {
  return ear() !== undefined;
}

/** Calls `heard` with all that was said so far, again and again; `ended` once. Returns how to stop, or null. */
export function listen(heard: (words: string) => void, ended: () => void): (() => void) | null {
  const Recognition = ear();
  if (!Recognition) return null;
  const recognition = new Recognition();
  recognition.lang = document.documentElement.lang || "en";
  recognition.continuous = true;
  recognition.interimResults = true;
  recognition.addEventListener("result", (event) => {
    heard(Array.from((event as Heard).results, (result) => result[0]?.transcript ?? "").join(""));
  });
  recognition.addEventListener("end", ended, { once: true });
  recognition.start();
  return () => recognition.stop();
}

export function canSpeak(): boolean {
  return "speechSynthesis" in globalThis;
}

/** Reads a text aloud; whatever was being read stops. `ended` is called once, also when something else is read. */
export function speak(text: string, ended: () => void): () => void {
  const words = new SpeechSynthesisUtterance(text);
  words.lang = document.documentElement.lang || "en";
  words.addEventListener("end", ended, { once: true });
  words.addEventListener("error", ended, { once: true });
  speechSynthesis.cancel();
  speechSynthesis.speak(words);
  return () => speechSynthesis.cancel();
}
