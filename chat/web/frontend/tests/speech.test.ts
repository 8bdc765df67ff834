import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { button, one, openAnswered, settle, setUp, tearDown } from "./chat_page";
import { FakeWebSocket } from "./support";

class FakeEar extends EventTarget {
  static last: FakeEar;
  lang = "";
  start = vi.fn();
  stop = vi.fn(() => this.dispatchEvent(new Event("end")));
  abort = vi.fn(() => this.fail("aborted"));

  constructor() {
    super();
    FakeEar.last = this;
  }

  hear(...words: string[]): void {
    const results = words.map((transcript) => [{ transcript }]);
    this.dispatchEvent(Object.assign(new Event("result"), { results }));
  }

  fail(error: string): void {
    this.dispatchEvent(Object.assign(new Event("error"), { error }));
    this.dispatchEvent(new Event("end"));
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

  it("hears nothing any more when the message is sent", async () => {
    vi.stubGlobal("webkitSpeechRecognition", FakeEar);
    await openAnswered();
    const box = one<HTMLTextAreaElement>("textarea");
    button("Dictate")?.click();
    await settle();
    FakeEar.last.hear("hello");
    button("Send")?.click();
    const request_id = String(FakeWebSocket.last.sent.at(-1)?.request_id);
    FakeWebSocket.last.serve({ type: "ack", request_id, message_id: "m", generation_id: null });
    await settle();
    expect(FakeEar.last.abort).toHaveBeenCalledOnce();
    FakeEar.last.hear("hello there");
    expect(box.value).toBe("");
    expect(one("#composer-problem").hidden).toBe(true);
    expect(button("Dictate")).toBeDefined();
  });

  it.each([
    ["not-allowed", "The microphone cannot be used: allow it for this page."],
    ["network", "Dictation does not work now. Try again."],
  ])("says why it does not: %s", async (error, sentence) => {
    vi.stubGlobal("webkitSpeechRecognition", FakeEar);
    await openAnswered();
    button("Dictate")?.click();
    await settle();
    FakeEar.last.fail(error);
    await settle();
    expect(one("#composer-problem").textContent).toBe(sentence);
    button("Dictate")?.click();
    await settle();
    expect(one("#composer-problem").hidden).toBe(true);
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
