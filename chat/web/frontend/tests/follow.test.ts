import { afterEach, expect, test, vi } from "vitest";
import { followText } from "../src/pages/follow";

class Source {
  static last: Source;
  onmessage: (message: { data: string }) => void = () => undefined;
  close = vi.fn();
  constructor(readonly url: string) {
    Source.last = this;
  }
  tell(event: object): void {
    this.onmessage({ data: JSON.stringify(event) });
  }
}

afterEach(() => vi.unstubAllGlobals());

function follow(): Source {
  vi.stubGlobal("EventSource", Source);
  document.body.innerHTML = '<div data-follow="/events/"></div>';
  followText(document);
  return Source.last;
}

test("text grows as it comes, to its end", () => {
  const source = follow();
  expect(source.url).toBe("/events/");
  source.tell({ type: "token", content: "Hel" });
  source.tell({ type: "token", content: "<lo" });
  expect(document.querySelector("p")?.textContent).toBe("Hel<lo");
  source.tell({ type: "metadata", finishReason: "stop" });
  expect(source.close).not.toHaveBeenCalled();
  source.tell({ type: "done" });
  expect(document.body.textContent).toBe("Hel<loThe reply has ended.");
  expect(source.close).toHaveBeenCalled();
});

test("text that is whole already replaces what was there", () => {
  const source = follow();
  source.tell({ type: "content", content: "All of it" });
  source.tell({ type: "error", error: "A moderator stopped this reply: Spam." });
  expect(document.body.textContent).toBe("All of itA moderator stopped this reply: Spam.");
});

test("an expired leave ends the reading", () => {
  const source = follow();
  source.tell({ type: "expired" });
  expect(document.body.textContent).toBe("Your time to read this is over.");
  expect(source.close).toHaveBeenCalled();
});

test("other pages follow nothing", () => {
  document.body.innerHTML = "<p>Chat</p>";
  expect(() => followText(document)).not.toThrow();
});
