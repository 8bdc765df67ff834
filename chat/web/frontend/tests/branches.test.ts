import { describe, expect, it } from "vitest";

import { lineThrough } from "../src/conversation/branches";
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
