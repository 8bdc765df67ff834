import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  answered,
  askedUrls,
  button,
  FakeResizeObserver,
  one,
  openAnswered,
  press,
  server,
  settle,
  setUp,
  shownIds,
  tearDown,
  type,
} from "./chat_page";
import { FakeWebSocket, ME, messageView, REPLY, SESSION, transcript, update } from "./support";

beforeEach(setUp);
afterEach(tearDown);

function emoji(): (string | null)[] {
  return [...document.querySelectorAll(".reaction")].map(({ ariaLabel }) => ariaLabel);
}

describe("what can be done with a message", () => {
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
    button("Previous version")?.focus();
    button("Previous version")?.click();
    await settle();
    expect(document.activeElement).toBe(button("Next version"));
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
    expect(document.activeElement).toBe(one("parley-composer textarea"));
  });

  it("a viewer may only copy, judge, react and look at details", async () => {
    await openAnswered({ transcript: transcript([messageView(), answered], { can_write: false }) });
    const names = [...document.querySelectorAll(".actions button")].map((each) => each.ariaLabel);
    expect(new Set(names)).toEqual(
      new Set(["Copy", "Good answer", "Bad answer", "More actions", "React", "Details"]),
    );
    expect(document.querySelector("parley-composer")).toBeNull();
    expect(one(".aside").textContent).toBe("You may read this chat, but not write in it.");
  });

  it("a viewer who becomes a member may write at once, and the other way round", async () => {
    await openAnswered();
    for (const can_write of [false, true]) {
      server.answers = [Response.json(transcript([messageView(), answered], { can_write }))];
      const role = can_write ? "member" : "viewer";
      FakeWebSocket.last.serve({ type: "participant_update", session_id: SESSION, user_id: ME, role });
      await settle();
      expect(document.querySelector("parley-composer") !== null).toBe(can_write);
      expect(button("Delete") !== undefined).toBe(can_write);
    }
  });

  it("an editor stays in sight while it makes the page longer", async () => {
    await openAnswered();
    const pane = one(".transcript");
    Object.defineProperty(pane, "scrollHeight", { value: 1_000 });
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(1_000);
    pane.scrollTop = 100;
    button("Edit")?.click();
    await settle();
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(100);
    press(one("parley-editor textarea"));
    await settle();
    pane.scrollTop = 100;
    FakeResizeObserver.notify();
    expect(pane.scrollTop).toBe(1_000);
  });

  it("what is seldom needed waits behind a button, where the window is narrow", async () => {
    await openAnswered();
    const more = button("More actions");
    const rare = more?.nextElementSibling;
    expect([...(rare?.children ?? [])].map((each) => each.ariaLabel)).toContain("Delete");
    expect([more?.ariaExpanded, rare?.hasAttribute("data-open")]).toEqual(["false", false]);
    more?.click();
    await settle();
    expect([more?.ariaExpanded, rare?.hasAttribute("data-open")]).toEqual(["true", true]);
  });

  it("details say what the reply cost", async () => {
    const reply = { ...answered, metrics: { ...answered.metrics, worker: "shed-1" } };
    await openAnswered({ transcript: transcript([messageView(), reply]) });
    button("Details")?.click();
    await settle();
    expect(one(".measurements").textContent).toContain("demo");
    expect(one(".measurements").textContent).toContain("shed-1");
  });

  it("reactions go to the server, and what it says against them to the reader", async () => {
    await openAnswered();
    server.asked = [];
    server.answers = [Response.json({ details: { message: "Not now." } }, { status: 409 })];
    button("Good answer")?.click();
    await settle();
    expect(askedUrls()).toEqual([`/api/v1/chat/messages/${REPLY}/reactions/${encodeURIComponent("👍")}`]);
    expect(one("#composer-problem").textContent).toBe("Not now.");
  });

  it("shows which reactions are one's own, and takes those back", async () => {
    const liked = { ...answered, reacted_by: { "👍": ["bob", ME], "👎": ["bob"] } };
    await openAnswered({ transcript: transcript([messageView(), liked]) });
    expect(button("Good answer: Somebody, You")?.ariaPressed).toBe("true");
    expect(button("Bad answer: Somebody")?.ariaPressed).toBe("false");
    expect([...document.querySelectorAll(".count")].map((each) => each.textContent)).toEqual(["2", "1"]);
    server.asked = [];
    button("Good answer: Somebody, You")?.click();
    button("Bad answer: Somebody")?.click();
    await settle();
    expect(server.asked.map((each) => each.method)).toEqual(["DELETE", "PUT"]);
  });

  it("an emoji is chosen once, and shown with how many gave it and who", async () => {
    const cheered = messageView({ reacted_by: { "🎉": ["bob", ME] }, reactor_names: { bob: "Bob" } });
    const judged = { ...answered, reacted_by: { "👍": ["bob"] } };
    await openAnswered({ transcript: transcript([cheered, judged]) });
    expect(emoji()).toEqual(["🎉 2: Bob, You"]);
    expect(one(".reaction").title).toBe("Bob, You");
    document.querySelector<HTMLElement>("article [aria-label=React]")?.click();
    await settle();
    expect(emoji()).toEqual(["🎉 2: Bob, You", "👍", "👎", "❤️", "😂", "😮", "😢"]);
    server.asked = [];
    for (const name of ["🎉 2: Bob, You", "😮"]) {
      [...document.querySelectorAll<HTMLElement>(".reaction")]
        .find(({ ariaLabel }) => ariaLabel === name)
        ?.click();
    }
    await settle();
    expect(server.asked.map(({ method, url }) => [method, url.split("/").at(-1)])).toEqual([
      ["DELETE", encodeURIComponent("🎉")],
      ["PUT", encodeURIComponent("😮")],
    ]);
  });

  it("the keyboard goes to the emoji and back, also when the server refuses", async () => {
    await openAnswered();
    const react = button("React");
    react?.click();
    await settle();
    expect([react?.ariaExpanded, document.activeElement?.ariaLabel]).toEqual(["true", "👍"]);
    server.answers = [Response.json({ details: { message: "Not now." } }, { status: 503 })];
    one(".reaction").click();
    await settle();
    expect(emoji()).toEqual([]);
    expect([react?.ariaExpanded, document.activeElement]).toEqual(["false", react]);
    expect(one("#composer-problem").textContent).toBe("Not now.");
  });

  it("of a reply that was judged the thumbs stand nowhere else", async () => {
    const judged = { ...answered, reacted_by: { "👍": ["bob"], "🎉": [ME] } };
    await openAnswered({ transcript: transcript([messageView(), judged]) });
    expect(emoji()).toEqual(["🎉 1: You"]);
    expect(one(".reaction").ariaPressed).toBe("true");
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
