import { describe, expect, it } from "vitest";

import type { Place } from "../src/conversation/branches";
import { Runs } from "../src/conversation/runs";
import { messageView } from "./support";

function line(...ids: string[]): Place[] {
  return ids.map((id) => ({ message: messageView({ id }), siblings: [id] }));
}

/** Each run as its key and its messages. */
function drawn(runs: Runs, ...ids: string[]): string[] {
  return runs
    .of(line(...ids))
    .map(({ key, places }) => `${key}: ${places.map((each) => each.message.id).join(" ")}`);
}

describe("runs of a line", () => {
  it("begin where an id says so", () => {
    expect(drawn(new Runs())).toEqual([]);
    expect(drawn(new Runs(), "a2", "b0", "c3", "d4", "e1", "f5")).toEqual([
      "a2: a2",
      "b0: b0 c3 d4",
      "e1: e1 f5",
    ]);
  });

  it("stay as they are when an earlier window comes in front", () => {
    const runs = new Runs();
    expect(drawn(runs, "c3", "d4", "e1")).toEqual(["c3: c3 d4", "e1: e1"]);
    expect(drawn(runs, "a2", "b0", "b6", "c3", "d4", "e1")).toEqual([
      "a2: a2",
      "b0: b0 b6",
      "c3: c3 d4",
      "e1: e1",
    ]);
  });

  it("grow at the end", () => {
    const runs = new Runs();
    drawn(runs, "a2", "b0", "c3");
    expect(drawn(runs, "a2", "b0", "c3", "d4", "e1")).toEqual(["a2: a2", "b0: b0 c3 d4", "e1: e1"]);
  });

  it.each([
    ["the first of all", "a2", ["a2: a3", "b0: b0 c3 d4"]],
    ["the first of a later one", "b0", ["a2: a2 a3", "b0: c3 d4"]],
    ["one in the middle", "c3", ["a2: a2 a3", "b0: b0 d4"]],
  ])("keep their key and their other messages without %s, and with it again", (_, gone, left) => {
    const all = ["a2", "a3", "b0", "c3", "d4"];
    const runs = new Runs();
    const before = drawn(runs, ...all);
    const rest = all.filter((id) => id !== gone);
    expect(drawn(runs, ...rest)).toEqual(left);
    expect(drawn(runs, ...all)).toEqual(before);
  });

  it("never share a key, also where a message comes back between those of one run", () => {
    const runs = new Runs();
    drawn(runs, "a2", "c3");
    expect(drawn(runs, "a2", "b0", "c3")).toEqual(["a2: a2", "b0: b0", "c3: c3"]);
  });

  it("belong to their branch", () => {
    const runs = new Runs();
    const first = drawn(runs, "a2", "b3", "c4");
    expect(drawn(runs, "a2", "b5", "d6")).toEqual(["a2: a2 b5 d6"]);
    expect(drawn(runs, "a2", "b3", "c4")).toEqual(first);
  });
});
