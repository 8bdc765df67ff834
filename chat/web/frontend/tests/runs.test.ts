import { describe, expect, it } from "vitest";

import type { Place } from "../src/conversation/branches";
import { RUN, Runs } from "../src/conversation/runs";
import { messageView } from "./support";

/** Each run as its key and its messages. */
function drawn(runs: Runs, ids: readonly string[]): string[] {
  const line: Place[] = ids.map((id) => ({ message: messageView({ id }), siblings: [id] }));
  return runs.of(line).map(({ key, places }) => `${key}: ${places.map((each) => each.message.id).join(" ")}`);
}

function ids(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${letter}${number}`);
}

/** As `drawn` says it. */
function run(...messages: string[]): string {
  return `${messages[0]}: ${messages.join(" ")}`;
}

describe("runs of a line", () => {
  const full = ids("a", RUN);
  const next = ids("b", RUN);

  it("take a few messages each", () => {
    expect(drawn(new Runs(), [])).toEqual([]);
    expect(drawn(new Runs(), [...full, "b0", "b1"])).toEqual([run(...full), run("b0", "b1")]);
  });

  it("stay as they are when an earlier window comes in front", () => {
    const runs = new Runs();
    const before = drawn(runs, ["c0", ...full, ...next]);
    expect(drawn(runs, ["e0", "e1", "c0", ...full, ...next])).toEqual([run("e0", "e1"), ...before]);
  });

  it("grow at the end", () => {
    const runs = new Runs();
    drawn(runs, [...full, "b0"]);
    expect(drawn(runs, [...full, ...next, "c0"])).toEqual([run(...full), run(...next), run("c0")]);
  });

  it.each([
    ["the first of all", "a0", ["a0: a1 a2 a3 a4 a5", run(...next)]],
    ["the first of a later one", "b0", [run(...full), "b0: b1 b2 b3 b4 b5"]],
    ["one in the middle", "a3", ["a0: a0 a1 a2 a4 a5", run(...next)]],
  ])("keep their key and their other messages without %s, and with it again", (_, gone, left) => {
    const all = [...full, ...next];
    const runs = new Runs();
    const before = drawn(runs, all);
    expect(
      drawn(
        runs,
        all.filter((id) => id !== gone),
      ),
    ).toEqual(left);
    expect(drawn(runs, all)).toEqual(before);
  });

  it("are the same objects while nothing in them changes", () => {
    const runs = new Runs();
    const line: Place[] = [...full, ...next].map((id) => ({ message: messageView({ id }), siblings: [id] }));
    const before = runs.of(line);
    const [first, ...others] = line;
    const copies = others.map((place) => ({ ...place, siblings: [...place.siblings] }));
    expect(runs.of([first as Place, ...copies])).toEqual(before);
    expect(runs.of([first as Place, ...copies])[0]).toBe(before[0]);
    const edited = { message: messageView({ id: "a0", content: "Other" }), siblings: ["a0"] };
    const [changed, same] = runs.of([edited, ...copies]);
    expect([changed === before[0], same === before[1]]).toEqual([false, true]);
  });

  it("never share a key, also where messages come back between those of one run", () => {
    const runs = new Runs();
    drawn(runs, ["a0", "c0"]);
    expect(drawn(runs, ["a0", ...next, "c0"])).toEqual([
      run("a0", "b0", "b1", "b2", "b3", "b4"),
      run("b5"),
      run("c0"),
    ]);
  });

  it("belong to their branch", () => {
    const runs = new Runs();
    const first = drawn(runs, ["a0", "b0", "c0"]);
    expect(drawn(runs, ["a0", "b1", "d0"])).toEqual([run("a0", "b1", "d0")]);
    expect(drawn(runs, ["a0", "b0", "c0"])).toEqual(first);
  });
});
