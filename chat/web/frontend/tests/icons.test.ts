import { expect, it } from "vitest";

import { iconStyles } from "../icons";

it("draws every icon of the style sheet", () => {
  const rules = iconStyles().split("\n");
  expect(rules.length).toBeGreaterThan(20);
  for (const rule of rules) {
    const [, name, drawing] =
      /^\[data-icon="(\w+)"\]::before \{ mask-image: url\("data:image\/svg\+xml,([^"]+)"\); \}$/.exec(rule) ??
      [];
    const svg = new DOMParser().parseFromString(
      decodeURIComponent(drawing ?? ""),
      "image/svg+xml",
    ).documentElement;
    expect(svg.tagName, name).toBe("svg");
    expect(svg.querySelectorAll(":is(path, rect, circle, line, polyline)").length, name).toBeGreaterThan(0);
  }
});
