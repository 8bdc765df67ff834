import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import "../src/elements/chat";
import type { ParleyChat } from "../src/elements/chat";
import type { Page } from "../src/page";
import { Close } from "../src/protocol";
import {
  delta,
  established,
  FakeWebSocket,
  failed,
  finished,
  GENERATION,
  ME,
  messageView,
  page,
  queued,
  REPLY,
  replyView,
  started,
  transcript,
  update,
  useFakeWebSocket,
} from "./support";

class FakeResizeObserver {
  static notify: () => void = () => undefined;

  constructor(callback: () => void) {
    FakeResizeObserver.notify = callback;
  }

  observe(): void {}
}

let answers: Response[];
let asked: string[];
let chat: ParleyChat;

beforeEach(() => {
  vi.useFakeTimers();
  useFakeWebSocket();
  vi.stubGlobal("ResizeObserver", FakeResizeObserver);
  answers = [];
  asked = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return answers.shift() ?? Response.json(transcript([messageView(), replyView()]));
  });
  sessionStorage.clear();
});

afterEach(() => {
  chat.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function open(fields: Partial<Page> = {}): Promise<void> {
  const json = JSON.stringify(page(fields)).replaceAll("<", "\\u003c");
  document.title = "Untitled chat · Parley";
  document.body.innerHTML = `
    <h1 id="session-title" class="session-name" data-untitled>Untitled chat</h1>
    <script id="chat-page" type="application/json">${json}</script>
    <parley-chat></parley-chat>`;
  chat = one<ParleyChat>("parley-chat");
  await settle();
}

async function openStreaming(): Promise<void> {
  await open({ transcript: transcript([messageView(), replyView()]) });
  FakeWebSocket.last.serve(established());
  await settle();
}

/** Lets promises, one animation frame and the rendering after it happen. */
async function settle(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await vi.advanceTimersByTimeAsync(17);
}

function one<T extends HTMLElement = HTMLElement>(selector: string): T {
  const found = document.querySelector<T>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

function button(name: string): HTMLButtonElement | undefined {
  return [...document.querySelectorAll("button")].find(
    (each) => (each.ariaLabel ?? each.textContent?.trim()) === name && !each.hidden,
  );
}

function shownIds(): (string | undefined)[] {
  return [...document.querySelectorAll<HTMLElement>("article")].map((each) => each.dataset.messageId);
}

function say(): string {
  return one("[role=status]").textContent?.trim() ?? "";
}

function type(text: string): HTMLTextAreaElement {
  const box = one<HTMLTextAreaElement>("textarea");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  return box;
}

function press(box: HTMLElement, init: KeyboardEventInit = {}): boolean {
  return box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", cancelable: true, ...init }));
}

function sentTypes(): unknown[] {
  return FakeWebSocket.last.sent.map((command) => command.type);
}

describe("what can be done with a message", () => {
  const reply = replyView({ status: "complete", content: "Hi" });

  async function openAnswered(fields: Partial<Page> = {}): Promise<void> {
    await open({ transcript: transcript([messageView(), reply]), ...fields });
    FakeWebSocket.last.serve(established());
    answers.push(Response.json(transcript([messageView(), reply])));
    await settle();
  }

  it("an edit makes a version beside it, which is shown once it is acknowledged", async () => {
    await openAnswered();
    button("Edit")?.click();
    await settle();
    const box = one<HTMLTextAreaElement>("parley-editor textarea");
    expect(box.value).toBe("Hello");
    box.value = "Hello again";
    press(box);
    await settle();
    const sent = FakeWebSocket.last.sent.at(-1);
    expect(sent).toMatchObject({ type: "send_message", content: "Hello again", sibling_of: "message-1" });
    const edited = messageView({ id: "edited", created_at: "2026-01-01T11:00:00Z", content: "Hello again" });
    FakeWebSocket.last.serve(update(edited, "new_message"));
    FakeWebSocket.last.serve({
      type: "ack",
      request_id: String(sent?.request_id),
      message_id: "edited",
      generation_id: null,
    });
    await settle();
    expect(shownIds()).toEqual(["edited"]);
    button("Previous version")?.click();
    await settle();
    expect(shownIds()).toEqual(["message-1", REPLY]);
    type("And on");
    press(one("parley-composer textarea"));
    expect(FakeWebSocket.last.sent.at(-1)).toMatchObject({ content: "And on", parent_id: REPLY });
  });

  it("an edit can be left", async () => {
    await openAnswered();
    button("Edit")?.click();
    await settle();
    const leave = new KeyboardEvent("keydown", { key: "Escape", bubbles: true });
    one("parley-editor textarea").dispatchEvent(leave);
    await settle();
    expect(document.querySelector("parley-editor")).toBeNull();
  });

  it("a viewer may only copy, judge and look at details", async () => {
    await openAnswered({ can_write: false });
    const names = [...document.querySelectorAll(".actions button")].map((each) => each.ariaLabel);
    expect(new Set(names)).toEqual(new Set(["Copy", "Good answer", "Bad answer", "Details"]));
  });

  it("details say what the reply cost", async () => {
    await openAnswered();
    button("Details")?.click();
    await settle();
    expect(one(".measurements").textContent).toContain("demo");
  });

  it("reactions go to the server, and what it says against them to the reader", async () => {
    await openAnswered();
    asked = [];
    answers = [Response.json({ details: { message: "Not now." } }, { status: 409 })];
    button("Good answer")?.click();
    await settle();
    expect(asked).toEqual([`/api/v1/chat/messages/${REPLY}/reactions/${encodeURIComponent("👍")}`]);
    expect(one("#composer-problem").textContent).toBe("Not now.");
  });

  it("copying says whether it worked", async () => {
    await openAnswered();
    const writeText = vi.fn(async () => undefined);
    vi.stubGlobal("navigator", { clipboard: { writeText }, onLine: true });
    button("Copy")?.click();
    await settle();
    expect(writeText).toHaveBeenCalledWith("Hello");
    expect(button("Copied")).toBeDefined();
  });
});

describe("messages", () => {
  it("are articles that say whose they are and how they stand", async () => {
    await openStreaming();
    const [mine, reply] = document.querySelectorAll<HTMLElement>("article");
    expect(mine?.dataset).toMatchObject({ role: "user", messageId: "message-1", status: "complete" });
    expect(mine?.textContent).toContain("ada");
    expect(reply?.dataset).toMatchObject({ role: "assistant", messageId: REPLY, status: "streaming" });
    expect(reply?.getAttribute("aria-busy")).toBe("true");
    expect(reply?.textContent).toContain("Thinking…");
  });

  it("name other authors", async () => {
    await open({
      transcript: transcript([
        messageView({ id: "a", role: "system" }),
        messageView({ id: "b", parent_id: "a", author_name: null }),
      ]),
    });
    const names = [...document.querySelectorAll("article h3")].map((heading) => heading.textContent);
    expect(names).toEqual(["System", "Somebody"]);
  });

  it("invite to begin when there are none", async () => {
    await open();
    expect(one(".transcript").textContent).toContain("Say something to begin.");
  });

  it("stream in, one rendering per frame, and end", async () => {
    await openStreaming();
    const render = vi.spyOn(chat, "requestUpdate");
    FakeWebSocket.last.serve(started());
    for (let seq = 0; seq < 50; seq += 1) FakeWebSocket.last.serve(delta(seq, "**x** "));
    await vi.advanceTimersByTimeAsync(17);
    expect(render).toHaveBeenCalledTimes(1);
    expect(document.querySelectorAll(`[data-message-id=${REPLY}] strong`)).toHaveLength(50);
    expect(say()).toBe("Parley is replying");
    FakeWebSocket.last.serve(finished(49));
    await settle();
    expect(one(`[data-message-id=${REPLY}]`).dataset.status).toBe("complete");
    expect(say()).toBe("Reply complete");
  });

  it("render while the page is hidden, too", async () => {
    await openStreaming();
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    FakeWebSocket.last.serve(delta(0, "unseen"));
    await vi.advanceTimersByTimeAsync(250);
    expect(one(`[data-message-id=${REPLY}]`).textContent).toContain("unseen");
  });

  it("show a place in the queue", async () => {
    await openStreaming();
    FakeWebSocket.last.serve(queued(3));
    await settle();
    expect(one(`[data-message-id=${REPLY}]`).textContent).toContain("Waiting: place 3");
    FakeWebSocket.last.serve(queued(2, 7.2));
    await settle();
    expect(one(`[data-message-id=${REPLY}]`).textContent).toContain("Waiting: place 2, about 8 s");
    FakeWebSocket.last.serve(queued(1, 0));
    await settle();
    expect(one(`[data-message-id=${REPLY}]`).textContent).toContain("Thinking…");
  });

  it("say that nobody serves their model, until somebody does", async () => {
    const active_generations = [{ generation_id: GENERATION, message_id: REPLY }];
    const messages = [messageView(), replyView()];
    await open({ transcript: transcript(messages, { active_generations, unserved_models: ["demo"] }) });
    const reply = () => one(`[data-message-id=${REPLY}]`).textContent;
    expect(reply()).toContain("No worker has this model loaded; the reply will come when one does.");
    FakeWebSocket.last.serve(started());
    await settle();
    expect(reply()).toContain("Thinking…");
  });

  it("say why they failed, and can be tried again", async () => {
    await openStreaming();
    FakeWebSocket.last.serve(delta(0));
    FakeWebSocket.last.serve(failed("The model ran out of memory."));
    await settle();
    expect(one("article footer").textContent).toContain("The model ran out of memory.");
    button("Try again")?.click();
    expect(FakeWebSocket.last.sent.at(-1)).toMatchObject({ type: "regenerate", message_id: REPLY });
    const second = replyView({ id: "second", created_at: "2026-01-01T10:05:00Z" });
    FakeWebSocket.last.serve(update(second, "new_message"));
    await settle();
    expect(button("Try again")).toBeUndefined();
    expect([...document.querySelectorAll<HTMLElement>("article")].at(-1)?.dataset.messageId).toBe("second");
  });

  it.each([
    ["cancelled", "cancelled", "Stopped"],
    ["complete", "length", "Cut off at the length limit"],
    ["complete", "timeout", "Cut off at the time limit"],
  ] as const)("say how they ended: %s %s", async (status, finish_reason, sentence) => {
    await open({ transcript: transcript([replyView({ status, finish_reason, content: "Half" })]) });
    expect(one("article footer").textContent).toContain(sentence);
  });

  it("that failed without a reason still say so", async () => {
    await open({ transcript: transcript([replyView({ status: "failed" })]) });
    expect(one("article footer").textContent).toContain("The reply failed.");
  });
});

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

  it("says nothing of a refused resume", async () => {
    await openStreaming();
    const error = { code: "not_found", message: "There is no such reply.", field: null };
    FakeWebSocket.last.serve({ type: "error", request_id: `resume:${GENERATION}`, error });
    await settle();
    expect(one("#composer-problem").hidden).toBe(true);
    expect(asked).toHaveLength(2);
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
    chat.remove();
    await openStreaming();
    expect(one<HTMLTextAreaElement>("textarea").value).toBe("Unfinished thought");
    type("");
    chat.remove();
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
});

describe("the transcript", () => {
  it("is asked for when the socket opens, and brings what happened in between", async () => {
    await open({ transcript: transcript([messageView(), replyView()]) });
    answers = [
      Response.json(transcript([messageView(), replyView({ status: "complete", content: "Done" })])),
    ];
    FakeWebSocket.last.serve(established());
    await settle();
    expect(asked).toEqual(["/transcript/"]);
    expect(one(`[data-message-id=${REPLY}]`).textContent).toContain("Done");
  });

  it("is asked for again when that fails", async () => {
    await open({ transcript: transcript([messageView(), replyView()]) });
    answers = [new Response("", { status: 502 })];
    FakeWebSocket.last.serve(established());
    await vi.advanceTimersByTimeAsync(2_100);
    expect(asked).toHaveLength(2);
  });

  it("loads earlier messages and keeps the reader's place", async () => {
    const later = messageView({ parent_id: "early" });
    await open({ transcript: transcript([later], { earlier_url: "/transcript/?before=message-1" }) });
    const early = messageView({ id: "early", created_at: "2026-01-01T08:00:00Z" });
    answers = [Response.json(transcript([early]))];
    expect(one("a.earlier").getAttribute("href")).toBe("?before=message-1");
    one("a.earlier").click();
    await settle();
    expect(asked).toEqual(["/transcript/?before=message-1"]);
    expect(
      [...document.querySelectorAll<HTMLElement>("article")].map((each) => each.dataset.messageId),
    ).toEqual(["early", "message-1"]);
    expect(document.querySelector("a.earlier")).toBeNull();
  });

  it("says when earlier messages cannot be loaded", async () => {
    await open({ transcript: transcript([messageView()], { earlier_url: "/earlier" }) });
    answers = [new Response("", { status: 500 })];
    one("a.earlier").click();
    await settle();
    expect(one("#composer-problem").textContent).toContain("could not be loaded");
    expect(document.querySelector("a.earlier")).not.toBeNull();
  });

  it("of earlier messages alone has no composer and no socket", async () => {
    await open({ is_latest: false, transcript: transcript([messageView()]) });
    expect(FakeWebSocket.all).toHaveLength(0);
    expect(document.querySelector("textarea")).toBeNull();
    expect(one(".way-back a").getAttribute("href")).toBe("/chat/");
  });

  it("follows its end until the reader scrolls up", async () => {
    await openStreaming();
    const pane = one(".transcript");
    let height = 1_000;
    Object.defineProperty(pane, "scrollHeight", { get: () => height });
    Object.defineProperty(pane, "clientHeight", { value: 400 });
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(1_000);
    pane.scrollTop = 200;
    pane.dispatchEvent(new Event("scroll"));
    height = 1_200;
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(200);
    pane.scrollTop = 790;
    pane.dispatchEvent(new Event("scroll"));
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(1_200);
  });
});

describe("the title", () => {
  it("is the first message, once there is one", async () => {
    await openStreaming();
    FakeWebSocket.last.serve(update(messageView({ content: "How do\nboats float?" }), "new_message"));
    expect(one("#session-title").textContent).toBe("How do boats float?");
    expect(document.title).toBe("How do boats float? · Parley");
    FakeWebSocket.last.serve(update(messageView({ content: "And planes?" }), "new_message"));
    expect(one("#session-title").textContent).toBe("How do boats float?");
  });
});

describe("a page without a chat", () => {
  it("is a mistake worth hearing of", async () => {
    await open();
    const { readPage } = await import("../src/page");
    expect(() => readPage(document.implementation.createHTMLDocument())).toThrow("no chat");
  });
});
