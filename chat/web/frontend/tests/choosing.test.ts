import { expect, test } from "vitest";
import { chooseAll } from "../src/pages/choosing";

function boxes(ticked = ""): HTMLInputElement[] {
  const box = `<td><input type=checkbox ${ticked}></td>`;
  document.body.innerHTML = `<table><thead><tr><th><input type=checkbox data-choose></th></tr></thead>
    <tbody><tr>${box}</tr><tr>${box}</tr></tbody></table>`;
  chooseAll(document);
  return [...document.querySelectorAll("input")];
}

test("one box ticks all of a table and takes that back", () => {
  const [head, ...others] = boxes();
  head?.click();
  expect(others.map((box) => box.checked)).toEqual([true, true]);
  head?.click();
  expect(others.map((box) => box.checked)).toEqual([false, false]);
});

test("it shows whether some or all are ticked", () => {
  const [head, first, second] = boxes();
  first?.click();
  expect([head?.checked, head?.indeterminate]).toEqual([false, true]);
  second?.click();
  expect([head?.checked, head?.indeterminate]).toEqual([true, false]);
});

test("it shows that all are ticked already", () => {
  expect(boxes("checked")[0]?.checked).toBe(true);
});
