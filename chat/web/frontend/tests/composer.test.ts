import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Close } from "../src/protocol";
import {
  askedUrls,
  button,
  one,
  open,
  openStreaming,
  press,
  say,
  sentTypes,
  settle,
  setUp,
  tearDown,
  type,
} from "./chat_page";
import { delta, established, FakeWebSocket, finished, GENERATION, REPLY, started } from "./support";

beforeEach(setUp);
afterEach(tearDown);

describe("the composer", () => {
  it("sends with Enter and empties itself when the message has arrived", async () => {
    await openStreaming();
    const box = type("Hello there\n");
    expect(press(box)).toBe(false);
    const command = FakeWebSocket.last.sent.at(-1);
    expect(command).toMatchObject({ type: "send_message", content: "Hello there" });
    await settle();
    expect(box.readOnly).toBe(true);
    press(box);
    expect(sentTypes().filter((each) => each === "send_message")).toHaveLength(1);
    FakeWebSocket.last.serve({
      type: "ack",
      request_id: command?.request_id as string,
      message_id: "m",
      generation_id: GENERATION,
    });
    await settle();
    expect(box).toMatchObject({ value: "", readOnly: false });
  });

  it("keeps a text while something else is acknowledged", async () => {
    await openStreaming();
    const box = type("Not sent yet");
    FakeWebSocket.last.serve({ type: "ack", request_id: null, message_id: REPLY, generation_id: GENERATION });
    await settle();
    expect(box.value).toBe("Not sent yet");
  });

  it("starts a line with Shift+Enter, and leaves composed characters alone", async () => {
    await openStreaming();
    const box = type("One");
    expect(press(box, { shiftKey: true })).toBe(true);
    expect(press(box, { isComposing: true })).toBe(true);
    expect(press(box, { key: "a" })).toBe(true);
    expect(sentTypes()).not.toContain("send_message");
  });

  it("sends nothing when there is nothing to say", async () => {
    await openStreaming();
    type("  \n ");
    button("Send")?.click();
    expect(sentTypes()).not.toContain("send_message");
  });

  it("keeps the text when it is refused, and says why", async () => {
    await openStreaming();
    const box = type("Too soon");
    button("Send")?.click();
    const request_id = FakeWebSocket.last.sent.at(-1)?.request_id as string;
    const error = { code: "reply_in_progress", message: "The reply is still being written.", field: null };
    FakeWebSocket.last.serve({ type: "error", request_id, error });
    await settle();
    expect(box).toMatchObject({ value: "Too soon", readOnly: false });
    expect(one("#composer-problem").textContent).toBe("The reply is still being written.");
    expect(say()).toBe("The reply is still being written.");
    FakeWebSocket.last.serve({ type: "error", request_id, error });
    await settle();
    expect(one("[role=status]").textContent).toContain("\u00a0");
    type("Too soon!");
    await settle();
    expect(one("#composer-problem").hidden).toBe(true);
  });

  it("says no more of a reply in the way once that has ended", async () => {
    await openStreaming();
    FakeWebSocket.last.serve(started());
    type("Too soon");
    button("Send")?.click();
    const request_id = FakeWebSocket.last.sent.at(-1)?.request_id as string;
    const error = { code: "reply_in_progress", message: "The reply is still being written.", field: null };
    FakeWebSocket.last.serve({ type: "error", request_id, error });
    FakeWebSocket.last.serve(delta(0));
    await settle();
    expect(one("#composer-problem").hidden).toBe(false);
    FakeWebSocket.last.serve(finished(0));
    await settle();
    expect(one("#composer-problem").hidden).toBe(true);
  });

  it("promises nothing to who is logged out", async () => {
    await openStreaming();
    const box = type("Still here");
    FakeWebSocket.last.fail(Close.NOT_LOGGED_IN);
    button("Send")?.click();
    await settle();
    expect(box.value).toBe("Still here");
    expect(one("#composer-problem").hidden).toBe(true);
  });

  it("says nothing of a refused resume", async () => {
    await openStreaming();
    const error = { code: "not_found", message: "There is no such reply.", field: null };
    FakeWebSocket.last.serve({ type: "error", request_id: `resume:${GENERATION}`, error });
    await settle();
    expect(one("#composer-problem").hidden).toBe(true);
    expect(askedUrls()).toHaveLength(2);
  });

  it("promises to send when the connection is back", async () => {
    await open();
    type("Later");
    button("Send")?.click();
    await settle();
    expect(one("#composer-problem").textContent).toContain("will be sent when the connection is back");
    FakeWebSocket.last.serve(established());
    await settle();
    expect(FakeWebSocket.last.sent.at(-1)).toMatchObject({ type: "send_message", content: "Later" });
    expect(one("#composer-problem").hidden).toBe(true);
  });

  it("keeps a draft across a reload, until it is sent", async () => {
    await openStreaming();
    type("Unfinished thought");
    one("parley-chat").remove();
    await openStreaming();
    expect(one<HTMLTextAreaElement>("textarea").value).toBe("Unfinished thought");
    type("");
    one("parley-chat").remove();
    await openStreaming();
    expect(one<HTMLTextAreaElement>("textarea").value).toBe("");
  });

  it("stops a reply, and only then offers to", async () => {
    await openStreaming();
    expect(button("Stop")).toBeUndefined();
    FakeWebSocket.last.serve(delta(0));
    await settle();
    button("Stop")?.click();
    expect(FakeWebSocket.last.sent.at(-1)).toEqual({ type: "cancel", generation_id: GENERATION });
    expect(document.activeElement).toBe(one("textarea"));
    FakeWebSocket.last.serve(finished(0, "cancelled"));
    await settle();
    expect(button("Stop")).toBeUndefined();
  });

  it("tells others that somebody types, without telling too often", async () => {
    await openStreaming();
    type("a");
    type("ab");
    expect(sentTypes()).toEqual(["typing_start"]);
    await vi.advanceTimersByTimeAsync(3_100);
    type("abc");
    expect(sentTypes()).toEqual(["typing_start", "typing_start"]);
    await vi.advanceTimersByTimeAsync(4_100);
    expect(sentTypes()).toEqual(["typing_start", "typing_start", "typing_stop"]);
    type("");
    expect(sentTypes()).toHaveLength(3);
  });
});
