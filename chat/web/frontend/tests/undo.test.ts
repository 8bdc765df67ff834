import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { listenForDeletions, offerUndo } from "../src/pages/undo";
import { button, one, openAnswered, server, settle, setUp, tearDown } from "./chat_page";
import { REPLY, SESSION } from "./support";

const assign = vi.fn();
const deletion = { deletion_id: "d1", undo_seconds: 60 };
const toast = () => document.querySelector("parley-toast")?.textContent?.replace(/\s+/g, " ").trim();

beforeEach(() => {
  setUp();
  vi.setSystemTime("2026-01-01T10:00:00Z");
  assign.mockClear();
  document.body.innerHTML = "";
});
afterEach(tearDown);

describe("a deletion", () => {
  it("is taken back with a button", async () => {
    vi.stubGlobal("location", { assign });
    offerUndo(deletion);
    await settle();
    expect(toast()).toBe("Deleted. Undo");
    server.answers = [Response.json({ session_id: SESSION })];
    button("Undo")?.click();
    await settle();
    expect(server.asked[0]).toMatchObject({ method: "POST", url: "/api/v1/chat/deletions/d1/undo" });
    expect(assign).toHaveBeenCalledWith(`/chat/${SESSION}/`);
    expect(toast()).toBe("");
  });

  it("says why it is not taken back", async () => {
    offerUndo(deletion);
    await settle();
    server.answers = [Response.json({ details: { message: "Too late." } }, { status: 404 })];
    button("Undo")?.click();
    await settle();
    expect(toast()).toBe("Too late.");
    button("Close")?.click();
    await settle();
    expect(toast()).toBe("");
  });

  it("can be taken back for a while only, on the next page too", async () => {
    listenForDeletions(document);
    document.dispatchEvent(new CustomEvent("parley-deleted", { detail: deletion }));
    document.body.innerHTML = "";
    listenForDeletions(document);
    await settle();
    expect(toast()).toBe("Deleted. Undo");
    vi.advanceTimersByTime(60_000);
    await settle();
    expect(toast()).toBe("");
    listenForDeletions(document);
    await settle();
    expect(toast()).toBe("");
    expect(sessionStorage.length).toBe(0);
  });

  it("that somebody does not want back is not offered again", async () => {
    offerUndo(deletion);
    await settle();
    button("Close")?.click();
    document.body.innerHTML = "";
    listenForDeletions(document);
    await settle();
    expect(toast()).toBeUndefined();
  });

  it("that the server keeps no copy of is final", () => {
    offerUndo({ deletion_id: null, undo_seconds: null });
    expect(document.querySelector("parley-toast")).toBeNull();
  });

  it("of a message is offered to be taken back", async () => {
    await openAnswered();
    HTMLDialogElement.prototype.showModal = vi.fn();
    one(`[data-message-id=${REPLY}] [aria-label=Delete]`).click();
    await settle();
    const dialog = one<HTMLDialogElement>("dialog.confirm");
    dialog.returnValue = "yes";
    server.answers = [Response.json({ message: "", ...deletion })];
    dialog.dispatchEvent(new Event("close"));
    await settle();
    expect(toast()).toBe("Deleted. Undo");
  });
});
