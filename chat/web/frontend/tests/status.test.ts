import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tellSettingsSaved } from "../src/limits";
import { Close, type DroppedContext } from "../src/protocol";
import { answered, one, open, openAnswered, openStreaming, settle, setUp, tearDown } from "./chat_page";
import { established, FakeWebSocket, ME, messageView, REPLY, replyView, transcript, update } from "./support";

beforeEach(setUp);
afterEach(tearDown);

describe("the status line", () => {
  it("tells how the connection stands", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.99);
    await open();
    const line = () => one(".connection");
    expect(line().textContent?.trim()).toBe("Connecting…");
    FakeWebSocket.last.serve(established());
    await settle();
    expect(line().textContent?.trim()).toBe("Connected");
    expect(line().dataset.state).toBe("connected");
    for (let round = 0; round < 3; round += 1) {
      FakeWebSocket.last.fail();
      await vi.advanceTimersByTimeAsync(2_000);
    }
    FakeWebSocket.last.fail();
    await settle();
    expect(line().textContent?.trim()).toBe("Reconnecting in 4 s");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(line().textContent?.trim()).toBe("Reconnecting in 3 s");
    vi.spyOn(navigator, "onLine", "get").mockReturnValue(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(line().textContent?.trim()).toBe("Offline");
    expect(line().dataset.state).toBe("offline");
  });

  it.each([
    [Close.NOT_LOGGED_IN, "You are no longer logged in."],
    [Close.NOT_ALLOWED, "You may not take part in this chat."],
    [Close.NO_SUCH_SESSION, "This chat no longer exists."],
  ])("tells why it is over: %s", async (code, sentence) => {
    await open();
    FakeWebSocket.last.fail(code);
    await settle();
    expect(one(".connection").textContent).toContain(sentence);
    expect(document.querySelector(".connection a") !== null).toBe(code === Close.NOT_LOGGED_IN);
    expect(document.querySelector("parley-composer") !== null).toBe(code === Close.NOT_LOGGED_IN);
  });

  it("tells who is there and who types", async () => {
    await openStreaming();
    const people = async (...names: string[]) => {
      for (const name of names)
        FakeWebSocket.last.serve({ type: "user_joined", user_id: name, username: name });
      await settle();
      return one(".people").textContent;
    };
    const types = async (name: string) => {
      FakeWebSocket.last.serve({ type: "typing_indicator", user_id: name, username: name, is_typing: true });
      await settle();
      return one(".people").textContent;
    };
    expect(await people(ME)).toBe("");
    expect(await people("Bob", "Eve")).toBe("Also here: Bob, Eve");
    expect(await types("Bob")).toBe("Bob is typing…");
    expect(await types("Eve")).toBe("Bob, Eve are typing…");
  });

  it("tells how full the window is, and what was left out", async () => {
    const full = { ...answered.metrics, prompt_tokens: 1_900, context_length: 2_048 };
    const show = async (dropped: DroppedContext | null, tokens_used = 100) => {
      const metrics = { ...full, dropped };
      const reply = { ...answered, tokens_used, metrics };
      await openAnswered({ transcript: transcript([messageView(), reply]) });
      return one(".context").textContent?.replace(/\s+/g, " ");
    };
    expect(await show(null)).toContain("2,000 of 2,048 tokens");
    expect(await show(null)).toContain("saw the whole conversation");
    expect(await show({ messages: 3, compressed: 0, tokens: 1_200, shifted: 0 })).toContain(
      "3 messages were left out (1,200 tokens)",
    );
    expect(await show({ messages: 3, compressed: 2, tokens: 9, shifted: 0 })).toContain("and 2 shortened");
    const shifted = await show({ messages: 0, compressed: 0, tokens: 0, shifted: 512 });
    expect(shifted).toContain("the model forgot the oldest 512 tokens");
    expect(shifted).not.toContain("whole conversation");
    expect(shifted).toContain("1,488 of 2,048 tokens");
    expect(await show(null, 5_000)).toContain("2,048 of 2,048 tokens");
    const both = await show({ messages: 3, compressed: 0, tokens: 9, shifted: 512 });
    expect(both).toContain("3 messages were left out (9 tokens). While it wrote");
  });

  it("tells of another window at once, and of none that nobody knows yet", async () => {
    const metrics = { ...answered.metrics, prompt_tokens: 400, context_length: 512 };
    await openAnswered({ transcript: transcript([messageView(), { ...answered, metrics }]) });
    tellSettingsSaved({ window: 1_024 });
    await settle();
    expect(one(".context").textContent).toContain("of 1,024 tokens");
    tellSettingsSaved({});
    await settle();
    expect(one(".context").textContent).toContain("of 1,024 tokens");
    tellSettingsSaved({ window: null });
    await settle();
    expect(document.querySelector(".context")).toBeNull();
    const next = replyView({ id: "next", parent_id: REPLY, status: "complete", content: "Ho" });
    FakeWebSocket.last.serve(update({ ...next, created_at: "2026-01-01T10:09:00Z", metrics }, "new_message"));
    await settle();
    expect(one(".context").textContent).toContain("of 512 tokens");
  });
});
