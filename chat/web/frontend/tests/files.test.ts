import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  button,
  one,
  open,
  openAnswered,
  openStreaming,
  press,
  server,
  settle,
  setUp,
  tearDown,
  type,
} from "./chat_page";
import { FakeWebSocket, messageView, REPLY, SESSION, transcript } from "./support";

beforeEach(setUp);
afterEach(tearDown);

function file(name: string, size = 3): File {
  return new File(["x".repeat(size)], name);
}

function bring(kind: "drop" | "paste", files: File[]): Event {
  const event = new Event(kind, { bubbles: true, cancelable: true });
  const data = { files, types: ["Files"] };
  Object.defineProperty(event, kind === "drop" ? "dataTransfer" : "clipboardData", { value: data });
  one("parley-composer textarea").dispatchEvent(event);
  return event;
}

function chips(): (string | undefined)[] {
  return [...document.querySelectorAll("parley-composer .file")].map((each) => each.textContent?.trim());
}

describe("files", () => {
  it.each(["drop", "paste"] as const)("come by %s, and go with the message", async (kind) => {
    await openAnswered();
    server.asked = [];
    server.answers = [Response.json({ id: "f1" })];
    expect(bring(kind, [file("notes.txt")]).defaultPrevented).toBe(true);
    expect(button("Send")?.disabled).toBe(false);
    await settle();
    expect(server.asked[0]?.url).toBe(`/api/v1/chat/sessions/${SESSION}/upload`);
    expect(server.asked[0]?.body).toBeInstanceOf(FormData);
    expect(chips()).toEqual(["notes.txt"]);
    press(type("Read this"));
    const sent = FakeWebSocket.last.sent.at(-1);
    expect(sent).toMatchObject({ content: "Read this", attachments: ["f1"] });
    FakeWebSocket.last.serve({
      type: "ack",
      request_id: String(sent?.request_id),
      message_id: "m",
      generation_id: null,
    });
    await settle();
    expect(chips()).toEqual([]);
  });

  it("are refused each with a reason of its own", async () => {
    await openAnswered();
    server.answers = ["notes.exe", "tune.mp3"].map((name) =>
      Response.json({ details: { message: `No ${name}.` } }, { status: 422 }),
    );
    bring("drop", [file("notes.exe"), file("tune.mp3")]);
    await settle();
    const problem = one("#composer-problem").textContent;
    expect(problem).toContain("notes.exe: ");
    expect(problem).toContain("tune.mp3: ");
  });

  it("are chosen, and taken back", async () => {
    await openAnswered();
    server.answers = [Response.json({ id: "f1" }), Response.json({})];
    const input = one<HTMLInputElement>("input[type=file]");
    Object.defineProperty(input, "files", { value: [file("a.md")] });
    let isOpened = false;
    input.addEventListener("click", () => {
      isOpened = true;
    });
    button("Attach files")?.click();
    expect(isOpened).toBe(true);
    input.dispatchEvent(new Event("change"));
    await settle();
    server.asked = [];
    button("Remove a.md")?.click();
    await settle();
    expect(chips()).toEqual([]);
    expect(server.asked).toMatchObject([{ method: "DELETE", url: "/api/v1/chat/attachments/f1" }]);
  });

  it("that are refused leave a sentence", async () => {
    await openAnswered();
    server.asked = [];
    bring("drop", [file("big.txt", 1_001)]);
    await settle();
    expect(one("#composer-problem").textContent).toContain("big.txt is too large");
    expect(server.asked).toEqual([]);
    server.answers = [Response.json({ details: { message: "This is no text." } }, { status: 422 })];
    bring("drop", [file("a.exe")]);
    await settle();
    expect(one("#composer-problem").textContent).toBe("a.exe: This is no text.");
    server.answers = Array.from({ length: 10 }, (_, number) => Response.json({ id: `f${number}` }));
    bring(
      "drop",
      Array.from({ length: 12 }, (_, number) => file(`${number}.txt`)),
    );
    await settle();
    expect(chips()).toHaveLength(10);
    expect(one("#composer-problem").textContent).toBe("A message takes at most 10 files.");
  });

  it("are no text that is pasted", async () => {
    await openAnswered();
    expect(bring("paste", []).defaultPrevented).toBe(false);
    expect(bring("drop", []).defaultPrevented).toBe(false);
    const over = new Event("dragover", { bubbles: true, cancelable: true });
    Object.defineProperty(over, "dataTransfer", { value: { types: ["Files"] } });
    one("parley-composer textarea").dispatchEvent(over);
    expect(over.defaultPrevented).toBe(true);
  });

  it("are shown on their message", async () => {
    const attachments = [{ id: "f1", name: "notes.txt", kind: "text", size_bytes: 2_048 }];
    await open({ transcript: transcript([messageView({ attachments })]) });
    const link = one<HTMLAnchorElement>("article .file a");
    expect(link.getAttribute("href")).toBe("/api/v1/chat/attachments/f1/content");
    expect(one("article .file").textContent?.replace(/\s+/g, " ")).toContain("notes.txt 2 KiB");
  });
});

describe("answering", () => {
  it("quotes a message into the box", async () => {
    await openAnswered();
    type("Look:");
    button("Quote")?.click();
    expect(one<HTMLTextAreaElement>("parley-composer textarea").value).toBe("Look:\n\n> Hello\n\n");
  });

  it("in a thread follows the message that is answered, until that is left", async () => {
    await openAnswered();
    button("Answer in a thread")?.click();
    await settle();
    expect(one(".thread").textContent).toContain("Answering ada");
    button("Answer the latest message instead")?.click();
    await settle();
    expect(document.querySelector(".thread")).toBeNull();
    button("Answer in a thread")?.click();
    await settle();
    press(type("Apart"));
    const sent = FakeWebSocket.last.sent.at(-1);
    expect(sent).toMatchObject({ content: "Apart", parent_id: "message-1" });
    const apart = messageView({ id: "apart", parent_id: "message-1", created_at: "2026-01-01T11:00:00Z" });
    FakeWebSocket.last.serve({
      type: "message_update",
      session_id: SESSION,
      action: "new_message",
      message: apart,
    });
    FakeWebSocket.last.serve({
      type: "ack",
      request_id: String(sent?.request_id),
      message_id: "apart",
      generation_id: null,
    });
    await settle();
    expect(one("[data-message-id=apart]")).toBeDefined();
    expect(document.querySelector(`[data-message-id=${REPLY}]`)).toBeNull();
    expect(document.querySelector(".thread")).toBeNull();
  });
});

describe("a hidden message", () => {
  it("is a placeholder without actions", async () => {
    await openStreaming();
    FakeWebSocket.last.serve({
      type: "message_update",
      session_id: SESSION,
      action: "updated",
      message: messageView({ is_hidden: true, content: "x" }),
    });
    await settle();
    const hidden = one("[data-message-id=message-1]");
    expect(hidden.textContent).toContain("This message was hidden by a moderator.");
    expect(hidden.querySelector("parley-actions")).toBeNull();
  });
});
