import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { button, one, openAnswered, settle, setUp, tearDown } from "./chat_page";

class FakeEar extends EventTarget {
  static last: FakeEar;
  lang = "";
  start = vi.fn();
  stop = vi.fn(() => this.dispatchEvent(new Event("end")));

  constructor() {
    super();
    FakeEar.last = this;
  }

  hear(...words: string[]): void {
    const results = words.map((transcript) => [{ transcript }]);
    this.dispatchEvent(Object.assign(new Event("result"), { results }));
  }
}

class FakeWords extends EventTarget {
  lang = "";
  readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }
}

beforeEach(setUp);
afterEach(tearDown);

describe("a browser without ear and voice", () => {
  it("has no buttons for them", async () => {
    await openAnswered();
    expect(button("Dictate")).toBeUndefined();
    expect(button("Read aloud")).toBeUndefined();
  });
});

describe("a browser that hears", () => {
  it("writes what is said behind what is there", async () => {
    vi.stubGlobal("webkitSpeechRecognition", FakeEar);
    await openAnswered();
    const box = one<HTMLTextAreaElement>("textarea");
    box.value = "Well,";
    button("Dictate")?.click();
    await settle();
    FakeEar.last.hear("hello ");
    FakeEar.last.hear("hello ", "there");
    expect(box.value).toBe("Well, hello there");
    button("End dictation")?.click();
    await settle();
    expect(FakeEar.last.stop).toHaveBeenCalledOnce();
    expect(button("Dictate")).toBeDefined();
  });
});

describe("a browser that speaks", () => {
  it("reads a reply aloud until it is told to be quiet", async () => {
    const voice = { speak: vi.fn(), cancel: vi.fn() };
    vi.stubGlobal("speechSynthesis", voice);
    vi.stubGlobal("SpeechSynthesisUtterance", FakeWords);
    await openAnswered();
    button("Read aloud")?.click();
    await settle();
    const words = voice.speak.mock.calls[0]?.[0] as FakeWords;
    expect(words.text).toBe("Hi");
    button("Quiet")?.click();
    expect(voice.cancel).toHaveBeenCalledTimes(2);
    words.dispatchEvent(new Event("end"));
    await settle();
    expect(button("Read aloud")).toBeDefined();
  });
});
