import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "../src/elements/panel";
import { Close } from "../src/protocol";
import { button, one, press, server, settle, setUp, tearDown } from "./chat_page";
import { established, FakeWebSocket, page, replyView, transcript } from "./support";

const opening = replyView({ id: "opening", status: "complete", content: "What can I do?", parent_id: null });
const visit = { token: "t1", page: page({ max_upload_bytes: 0, transcript: transcript([opening]) }) };
const url = "/embed/p1/";

beforeEach(setUp);
afterEach(() => {
  for (const panel of document.querySelectorAll("parley-panel")) panel.remove();
  tearDown();
});

async function open(...answers: Response[]): Promise<void> {
  server.asked = [];
  server.answers = answers;
  document.body.innerHTML = `<parley-panel data-url="${url}"></parley-panel>`;
  await settle();
}

const said = () => one("parley-panel").textContent ?? "";

describe("a panel", () => {
  it("begins a chat with its opening, and opens a socket with a ticket", async () => {
    await open(Response.json(visit), Response.json({ ticket: "k 1" }), Response.json(transcript([opening])));
    expect(server.asked.map((each) => each.url)).toEqual([`${url}visit/`, `${url}ticket/`]);
    expect(FakeWebSocket.last.url).toContain("/socket?ticket=k%201");
    FakeWebSocket.last.serve(established());
    await settle();
    expect(said()).toContain("What can I do?");
    expect(button("Attach files")).toBeUndefined();
    expect(button("Copy")).toBeUndefined();
    const box = one<HTMLTextAreaElement>("textarea");
    box.value = "Help!";
    box.dispatchEvent(new Event("input", { bubbles: true }));
    press(box);
    const command = FakeWebSocket.last.sent.find(({ type }) => type === "send_message");
    expect(command).toMatchObject({ content: "Help!" });
    FakeWebSocket.last.serve({
      type: "ack",
      request_id: String(command?.request_id),
      message_id: "m2",
      generation_id: null,
    });
    await settle();
    expect(box.value).toBe("");
    expect(sessionStorage.getItem(`parley-panel:${url}`)).toBe("t1");
  });

  it("asks for a new ticket for every socket, and waits while there is none", async () => {
    await open(Response.json(visit), Response.json({ ticket: "1" }));
    FakeWebSocket.last.fail();
    const refuse = () => Response.json({ details: { message: "Not now." } }, { status: 503 });
    server.answers = Array.from({ length: 50 }, refuse);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeWebSocket.all).toHaveLength(1);
    server.answers = [Response.json({ ticket: "2" })];
    await vi.advanceTimersByTimeAsync(16_000);
    expect(FakeWebSocket.all[1]?.url).toContain("ticket=2");
  });

  it.each([
    ["the socket says so", () => FakeWebSocket.last.fail(Close.NO_SUCH_SESSION)],
    ["the visitor is gone", () => FakeWebSocket.last.fail(Close.NOT_LOGGED_IN)],
    ["there is no ticket any more", () => FakeWebSocket.last.fail()],
  ])("that has ended offers a new one: %s", async (_, end) => {
    await open(Response.json(visit), Response.json({ ticket: "1" }));
    const over = Response.json({ details: { message: "This chat has ended." } }, { status: 401 });
    server.answers = [over];
    end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(said()).toContain("This chat has ended.");
    expect(said()).not.toContain("Log in");
    expect(FakeWebSocket.all).toHaveLength(1);
    expect(sessionStorage.getItem(`parley-panel:${url}`)).toBeNull();
    server.answers = [Response.json({ ...visit, token: "t2" }), Response.json({ ticket: "2" })];
    button("New chat")?.click();
    await settle();
    expect(said()).toContain("What can I do?");
    expect(FakeWebSocket.all).toHaveLength(2);
    expect(sessionStorage.getItem(`parley-panel:${url}`)).toBe("t2");
  });

  it("can be tried again when the server was out of reach", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("Failed to fetch");
    });
    await open();
    expect(said()).toContain("The server cannot be reached. Try again.");
    vi.stubGlobal("fetch", async (asked: string) =>
      Response.json(asked.endsWith("visit/") ? visit : { ticket: "1" }),
    );
    button("Try again")?.click();
    await settle();
    expect(said()).toContain("What can I do?");
  });

  it("says why there is no chat", async () => {
    await open(Response.json({ details: { message: "Too many visitors." } }, { status: 429 }));
    expect(said()).toContain("Too many visitors.");
  });

  it("without a message says so, also where nothing may be remembered", async () => {
    const refuse = () => {
      throw new Error("forbidden");
    };
    vi.stubGlobal("sessionStorage", { getItem: refuse, setItem: refuse, removeItem: refuse });
    await open(Response.json({ ...visit, page: page({ transcript: transcript([]) }) }));
    expect(said()).toContain("Say something to begin.");
  });
});
