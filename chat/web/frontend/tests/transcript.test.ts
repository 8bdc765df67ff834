import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ParleyMessage } from "../src/elements/message";
import type { MessageView } from "../src/protocol";
import {
  askedUrls,
  FakeResizeObserver,
  one,
  open,
  openStreaming,
  press,
  server,
  settle,
  setUp,
  shownIds,
  tearDown,
  type,
} from "./chat_page";
import {
  delta,
  established,
  FakeWebSocket,
  messageView,
  REPLY,
  replyView,
  transcript,
  update,
} from "./support";

beforeEach(setUp);
afterEach(tearDown);

function lineOf(count: number): MessageView[] {
  return Array.from({ length: count }, (_, number) =>
    messageView({
      id: `m${number}`,
      parent_id: number ? `m${number - 1}` : null,
      created_at: new Date(Date.UTC(2026, 0, 1) + number).toISOString(),
    }),
  );
}

function scrollTo(pane: HTMLElement, top: number): void {
  pane.scrollTop = top;
  pane.dispatchEvent(new Event("scroll"));
}

describe("the transcript", () => {
  it("is asked for when the socket opens, and brings what happened in between", async () => {
    await open({ transcript: transcript([messageView(), replyView()]) });
    server.answers = [
      Response.json(transcript([messageView(), replyView({ status: "complete", content: "Done" })])),
    ];
    FakeWebSocket.last.serve(established());
    await settle();
    expect(askedUrls()).toEqual(["/transcript/"]);
    expect(one(`[data-message-id=${REPLY}]`).textContent).toContain("Done");
  });

  it("is asked for again when that fails", async () => {
    await open({ transcript: transcript([messageView(), replyView()]) });
    server.answers = [new Response("", { status: 502 })];
    FakeWebSocket.last.serve(established());
    await vi.advanceTimersByTimeAsync(2_100);
    expect(askedUrls()).toHaveLength(2);
  });

  it("loads earlier messages and keeps the reader's place", async () => {
    const later = messageView({ parent_id: "early" });
    await open({ transcript: transcript([later], { earlier_url: "/transcript/?before=message-1" }) });
    const early = messageView({ id: "early", created_at: "2026-01-01T08:00:00Z" });
    server.answers = [Response.json(transcript([early]))];
    expect(one("a.earlier").getAttribute("href")).toBe("?before=message-1");
    one("a.earlier").click();
    await settle();
    expect(askedUrls()).toEqual(["/transcript/?before=message-1"]);
    expect(
      [...document.querySelectorAll<HTMLElement>("article")].map((each) => each.dataset.messageId),
    ).toEqual(["early", "message-1"]);
    expect(document.querySelector("a.earlier")).toBeNull();
  });

  it("leaves what is drawn as it is when earlier messages come", async () => {
    const later = messageView({ id: "later", parent_id: "early" });
    await open({ transcript: transcript([later], { earlier_url: "/earlier" }) });
    const run = one(".run");
    const shown = one("parley-message[data-newest]");
    server.answers = [
      Response.json(transcript([messageView({ id: "early", created_at: "2026-01-01T08:00:00Z" })])),
    ];
    one("a.earlier").click();
    await settle();
    expect([...document.querySelectorAll(".run")].at(-1)).toBe(run);
    expect([...document.querySelectorAll("parley-message[data-newest]")]).toEqual([shown]);
    expect(document.querySelectorAll(".run parley-message")).toHaveLength(2);
  });

  it("leaves what is drawn as it is when the first of it is deleted", async () => {
    const first = messageView({ id: "first" });
    const second = replyView({ id: "second", parent_id: "first", status: "complete", content: "Hi" });
    await open({ transcript: transcript([first, second]) });
    const run = one(".run");
    const shown = one("parley-message[data-newest]");
    FakeWebSocket.last.serve(update(first, "deleted"));
    await settle();
    expect([...document.querySelectorAll(".run")]).toEqual([run]);
    expect([...document.querySelectorAll("parley-message")]).toEqual([shown]);
  });

  it("draws the newest messages first, and the others by and by", async () => {
    const all = lineOf(60);
    await open({ transcript: transcript(all) });
    const ids = all.map(({ id }) => id);
    const early = shownIds();
    expect(early.length).toBeLessThan(ids.length);
    expect(early).toEqual(ids.slice(-early.length));
    await vi.advanceTimersByTimeAsync(500);
    expect(shownIds()).toEqual(ids);
  });

  it("shows first what was looked for, and what is around it", async () => {
    Element.prototype.scrollIntoView = () => undefined;
    const all = lineOf(60);
    await open({ transcript: transcript(all), shown: "m30", is_latest: false });
    expect(one("[data-shown]").querySelector("article")?.dataset.messageId).toBe("m30");
    await vi.advanceTimersByTimeAsync(500);
    expect(shownIds()).toHaveLength(60);
  });

  it("draws nothing again for a server that says the same again", async () => {
    const said = transcript([messageView(), replyView({ status: "complete", content: "Hi" })]);
    await open({ transcript: said });
    const article = one<ParleyMessage>("parley-message");
    const drawn = vi.spyOn(article, "requestUpdate");
    server.answers = [Response.json(said)];
    FakeWebSocket.last.serve(established());
    await settle();
    expect(drawn).not.toHaveBeenCalled();
  });

  it("draws earlier messages a few at a time, the latest of them first", async () => {
    const later = messageView({ id: "later", parent_id: "m9" });
    await open({ transcript: transcript([later], { earlier_url: "/earlier" }) });
    const window = Array.from({ length: 10 }, (_, number) =>
      messageView({
        id: `m${number}`,
        parent_id: number ? `m${number - 1}` : null,
        created_at: `2026-01-01T08:00:0${number}Z`,
      }),
    );
    server.answers = [Response.json(transcript(window))];
    one("a.earlier").click();
    const shown: string[] = [];
    for (let frame = 0; frame < 12; frame += 1) {
      await vi.advanceTimersByTimeAsync(8);
      shown.push(shownIds().join(" "));
    }
    const all = [...window.map(({ id }) => id), "later"];
    expect([...new Set(shown)]).toEqual(["later", all.slice(6).join(" "), all.join(" ")]);
    expect(document.querySelectorAll(".run")).toHaveLength(3);
    expect(document.querySelector("a.earlier")).toBeNull();
  });

  it("says when earlier messages cannot be loaded", async () => {
    await open({ transcript: transcript([messageView()], { earlier_url: "/earlier" }) });
    server.answers = [new Response("", { status: 500 })];
    one("a.earlier").click();
    await settle();
    expect(one("#composer-problem").textContent).toContain("could not be loaded");
    expect(document.querySelector("a.earlier")).not.toBeNull();
  });

  it("of earlier messages alone has no composer and no socket", async () => {
    await open({ is_latest: false, transcript: transcript([messageView()]) });
    expect(FakeWebSocket.all).toHaveLength(0);
    expect(document.querySelector("textarea")).toBeNull();
    expect(one(".aside a").getAttribute("href")).toBe("/chat/");
  });

  /** A pane of 400 pixels that shows a reply being written. */
  async function openSized(height: number): Promise<{ pane: HTMLElement; grow: (to: number) => void }> {
    await openStreaming();
    const pane = one(".transcript");
    let all = height;
    Object.defineProperty(pane, "scrollHeight", { get: () => all });
    Object.defineProperty(pane, "clientHeight", { value: 400 });
    return {
      pane,
      grow: (to) => {
        all = to;
      },
    };
  }

  it("follows its end until the reader scrolls up", async () => {
    const { pane, grow } = await openSized(1_000);
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(1_000);
    pane.scrollTop = 200;
    pane.dispatchEvent(new Event("scroll"));
    grow(1_200);
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(200);
    pane.scrollTop = 790;
    pane.dispatchEvent(new Event("scroll"));
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(1_200);
  });

  it("lets go of a reader who goes up by a single line", async () => {
    const { pane, grow } = await openSized(1_000);
    scrollTo(pane, 600);
    scrollTo(pane, 570);
    grow(1_025);
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(570);
  });

  it("keeps hold when what it shows becomes shorter", async () => {
    const { pane, grow } = await openSized(1_000);
    scrollTo(pane, 600);
    grow(980);
    scrollTo(pane, 580);
    grow(1_100);
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(1_100);
  });
});

describe("scrolling up", () => {
  async function openLong(): Promise<HTMLElement> {
    await open({
      transcript: transcript([messageView({ parent_id: "early" })], { earlier_url: "/earlier" }),
    });
    const pane = one(".transcript");
    Object.defineProperty(pane, "scrollHeight", { value: 9_000 });
    Object.defineProperty(pane, "clientHeight", { value: 400 });
    scrollTo(pane, 5_000);
    return pane;
  }

  it("brings earlier messages before the reader reaches the first one, each once", async () => {
    const pane = await openLong();
    server.answers = [
      Response.json(transcript([messageView({ id: "early", created_at: "2026-01-01T08:00:00Z" })])),
    ];
    scrollTo(pane, 3_000);
    expect(askedUrls()).toEqual([]);
    scrollTo(pane, 900);
    scrollTo(pane, 800);
    await settle();
    scrollTo(pane, 700);
    await settle();
    expect(askedUrls()).toEqual(["/earlier"]);
    expect(document.querySelectorAll("article")).toHaveLength(2);
  });

  it("does not ask again and again when that fails; the link does", async () => {
    const pane = await openLong();
    server.answers = [new Response("", { status: 500 })];
    scrollTo(pane, 900);
    await settle();
    scrollTo(pane, 800);
    await settle();
    expect(askedUrls()).toHaveLength(1);
    one("a.earlier").click();
    await settle();
    expect(askedUrls()).toHaveLength(2);
    expect(one("#composer-problem").hidden).toBe(true);
  });
});

describe("a message on its way", () => {
  it("stays there when something else goes wrong", async () => {
    await open({
      transcript: transcript([messageView({ parent_id: "early" })], { earlier_url: "/earlier" }),
    });
    const box = type("Wait for me");
    press(box);
    server.answers = [new Response("", { status: 500 })];
    one("a.earlier").click();
    await settle();
    expect(one("#composer-problem").textContent).toContain("could not be loaded");
    expect(box.readOnly).toBe(true);
  });
});

describe("the list of chats", () => {
  it("hears when the open chat has changed, and not of every token", async () => {
    const heard = vi.fn();
    document.body.addEventListener("parley-changed", heard);
    await openStreaming();
    FakeWebSocket.last.serve(delta(0, "Hi"));
    expect(heard).not.toHaveBeenCalled();
    FakeWebSocket.last.serve(update(messageView(), "new_message"));
    expect(heard).toHaveBeenCalledOnce();
    document.body.removeEventListener("parley-changed", heard);
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
    const { readPage } = await import("../src/conversation/page");
    expect(() => readPage(document.implementation.createHTMLDocument())).toThrow("no chat");
  });
});
