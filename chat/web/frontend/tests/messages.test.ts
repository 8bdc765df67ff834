import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ParleyMessage } from "../src/elements/message";
import { button, one, open, openAnswered, openStreaming, say, settle, setUp, tearDown } from "./chat_page";
import {
  delta,
  FakeWebSocket,
  failed,
  finished,
  GENERATION,
  messageView,
  queued,
  REPLY,
  replyView,
  started,
  transcript,
  update,
} from "./support";

beforeEach(setUp);
afterEach(tearDown);

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

  it("tell the time, and of another day than today the day too", async () => {
    vi.setSystemTime("2026-01-02T10:00:00Z");
    await open({
      transcript: transcript([
        messageView({ created_at: "2023-11-14T10:00:00Z" }),
        replyView({ created_at: "2026-01-02T10:00:00Z", status: "complete" }),
      ]),
    });
    const [old, today] = [...document.querySelectorAll("article time")].map(({ textContent }) => textContent);
    expect(old).toContain("Nov 14, 2023");
    expect(today).toMatch(/^\d\d:00\s[AP]M$/);
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

  it("have a disc for each author, of the author's own colour", async () => {
    const bob = { author_id: "bob", author_name: "bob" };
    const others = [
      messageView({ id: "b", parent_id: "message-1", ...bob }),
      messageView({ id: "c", parent_id: "b", author_id: "cy", author_name: "cy" }),
      messageView({ id: "d", parent_id: "c", ...bob }),
    ];
    await open({ transcript: transcript([messageView(), ...others]) });
    const discs = [...document.querySelectorAll<HTMLElement>("article .avatar")];
    expect(discs.map((disc) => disc.textContent)).toEqual(["AD", "BO", "CY", "BO"]);
    const [mine, bobs, cys, bobsAgain] = discs.map((disc) => disc.dataset.colour);
    expect(mine).toBeUndefined();
    expect(bobs).toBe(bobsAgain);
    expect(bobs).not.toBe(cys);
  });

  it("invite to begin when there are none", async () => {
    await open();
    expect(one(".transcript").textContent).toContain("Say something to begin.");
  });

  it("stream in, one rendering per frame, and end", async () => {
    const chat = await openStreaming();
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
    ["complete", "content_filter", "Ended by a rule of this server"],
    ["complete", "timeout", "Cut off at the time limit"],
  ] as const)("say how they ended: %s %s", async (status, finish_reason, sentence) => {
    await open({ transcript: transcript([replyView({ status, finish_reason, content: "Half" })]) });
    expect(one("article footer").textContent).toContain(sentence);
  });

  it("are read with the warnings of rules", async () => {
    const metadata = { warnings: ["Mind your <words>."] };
    await open({ transcript: transcript([messageView({ metadata }), replyView({ status: "complete" })]) });
    expect(one(".warnings").textContent).toContain("Mind your <words>.");
    expect(document.querySelectorAll(".warnings")).toHaveLength(1);
  });

  it("go on where they were cut off, in their place", async () => {
    const half = replyView({ status: "complete", finish_reason: "length", content: "Half" });
    await openAnswered({ transcript: transcript([messageView(), half]) });
    button("Continue")?.click();
    const asked = FakeWebSocket.last.sent.at(-1);
    expect(asked).toMatchObject({ type: "continue_reply", message_id: REPLY });
    FakeWebSocket.last.serve(update(replyView({ content: "Half", updated_at: "2026-01-01T10:01:00Z" })));
    FakeWebSocket.last.serve(queued(1, 0));
    await settle();
    expect(one(`[data-message-id=${REPLY}]`).dataset.status).toBe("streaming");
    expect(one(`[data-message-id=${REPLY}]`).textContent).toContain("Half");
    FakeWebSocket.last.serve({ ...delta(0, "Half"), tokens: 1 });
    FakeWebSocket.last.serve({ ...delta(1, " and half"), tokens: 2 });
    await settle();
    expect(one(`[data-message-id=${REPLY}]`).textContent).toContain("Half and half");
    expect(one(".progress").textContent?.trim()).toBe("3 of at most 1,000 tokens");
    FakeWebSocket.last.serve(finished(1));
    await settle();
    expect(button("Continue")).toBeUndefined();
    expect(document.querySelector(".progress")).toBeNull();
  });

  it("are drawn again only where they differ", async () => {
    await openStreaming();
    FakeWebSocket.last.serve(delta(0));
    await settle();
    const drawn = vi.spyOn(ParleyMessage.prototype, "render");
    FakeWebSocket.last.serve(delta(1));
    await settle();
    expect(new Set(drawn.mock.contexts.map((each) => (each as ParleyMessage).message.id))).toEqual(
      new Set([REPLY]),
    );
  });

  it("run again exactly", async () => {
    await openAnswered();
    button("Details")?.click();
    await settle();
    button("Run again exactly")?.click();
    const asked = FakeWebSocket.last.sent.at(-1);
    expect(asked).toMatchObject({ type: "regenerate", message_id: REPLY, exactly: true });
  });

  it("that failed without a reason still say so", async () => {
    await open({ transcript: transcript([replyView({ status: "failed" })]) });
    expect(one("article footer").textContent).toContain("The reply failed.");
  });
});
