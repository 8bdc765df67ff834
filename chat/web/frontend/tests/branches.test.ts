import { describe, expect, it } from "vitest";

import { inRuns, lineThrough } from "../src/branches";
import { messageView } from "./support";

function message(id: string, parent: string | null) {
  return messageView({ id, parent_id: parent });
}

const QUESTION = message("question", null);
const FIRST = message("first", "question");
const FOLLOW = message("follow", "first");
const SECOND = message("second", "question");
const EDITED = message("edited", null);

function ids(messages: Parameters<typeof lineThrough>[0], anchor: string | null): string[] {
  return lineThrough(messages, anchor).map((place) => place.message.id);
}

describe("the line of messages shown", () => {
  it("is empty without messages", () => {
    expect(lineThrough([], null)).toEqual([]);
  });

  it("ends at the newest message", () => {
    expect(ids([QUESTION, FIRST, FOLLOW, SECOND], null)).toEqual(["question", "second"]);
  });

  it("passes through the anchor and goes on from there", () => {
    expect(ids([QUESTION, FIRST, FOLLOW, SECOND], "first")).toEqual(["question", "first", "follow"]);
    expect(ids([QUESTION, FIRST, FOLLOW, SECOND, EDITED], "question")).toEqual(["question", "second"]);
  });

  it("ends at the newest message when the anchor is gone", () => {
    expect(ids([QUESTION, FIRST], "gone")).toEqual(["question", "first"]);
  });

  it("names the siblings in order, first messages' too", () => {
    const places = lineThrough([QUESTION, FIRST, FOLLOW, SECOND, EDITED], "second");
    expect(places.map((place) => place.siblings)).toEqual([
      ["question", "edited"],
      ["first", "second"],
    ]);
  });

  it("begins where the window begins", () => {
    expect(ids([message("b", "a"), message("c", "b")], null)).toEqual(["b", "c"]);
  });
});

describe("runs of a line", () => {
  const line = lineThrough(
    ["a2", "b0", "c3", "d4", "e1", "f5"].map((id, at, all) => message(id, all[at - 1] ?? null)),
    null,
  );

  function runs(places: typeof line, ...starts: string[]): string[] {
    return inRuns(places, new Set(starts)).map((run) => run.map((place) => place.message.id).join(" "));
  }

  it("begin where an id says so", () => {
    expect(runs([])).toEqual([]);
    expect(runs(line)).toEqual(["a2", "b0 c3 d4", "e1 f5"]);
  });

  it("and where a window began, so that an earlier one leaves it as it is", () => {
    expect(runs(line.slice(2), "c3")).toEqual(["c3 d4", "e1 f5"]);
    expect(runs(line, "c3", "a2")).toEqual(["a2", "b0", "c3 d4", "e1 f5"]);
  });

  it("stay when messages come at the end, or one goes", () => {
    expect(runs(line.slice(0, 5))).toEqual(["a2", "b0 c3 d4", "e1"]);
    expect(runs(line.filter(({ message }) => message.id !== "c3"))).toEqual(["a2", "b0 d4", "e1 f5"]);
  });
});
