import { describe, expect, it, vi } from "vitest";

import { renderBlocks } from "../src/markdown/markdown";

function render(text: string): HTMLElement {
  const root = document.createElement("div");
  root.innerHTML = renderBlocks(text).join("");
  return root;
}

describe("Markdown", () => {
  it("renders what people write", () => {
    const root = render(
      "# One\n\nTwo **three**\nfour\n\n- a\n- [x] b\n\n| c |\n| - |\n| d |\n\n```py\nx < 1\n```",
    );
    expect(root.querySelector("h3")?.textContent).toBe("One");
    expect(root.querySelector("strong")?.textContent).toBe("three");
    expect(root.querySelector("p br")).not.toBeNull();
    expect([...root.querySelectorAll("li")].map((item) => item.textContent?.trim())).toEqual(["a", "☑ b"]);
    expect(root.querySelector("td")?.textContent).toBe("d");
    expect(root.querySelector(".code-bar span")?.textContent).toBe("py");
    expect(root.querySelector("pre code")?.textContent).toBe("x < 1");
  });

  it("splits into blocks, of which earlier ones stay the same while the text grows", () => {
    const before = renderBlocks("One\n\nTw");
    const after = renderBlocks("One\n\nTwo\n\nThree");
    expect(before).toHaveLength(2);
    expect(after[0]).toBe(before[0]);
    expect(after).toHaveLength(3);
  });

  it("renders code without a language, and deep headings", () => {
    const root = render("```\nplain\n```\n\n###### deep");
    expect(root.querySelector(".code-bar span")?.textContent).toBe("");
    expect(root.querySelector("h6")?.textContent).toBe("deep");
  });

  it("opens links elsewhere and without a way back", () => {
    const link = render("[site](https://example.org/a?b=1)").querySelector("a");
    expect(link?.getAttribute("href")).toBe("https://example.org/a?b=1");
    expect(link?.rel).toBe("noopener noreferrer");
    expect(link?.target).toBe("_blank");
  });

  it.each([
    ["[site](https://example.org/a?b=1)", "site (example.org)"],
    ["[bank.org](https://evil.example)", "bank.org (evil.example)"],
    ["[https://bank.org](https://evil.example)", "https://bank.org (evil.example)"],
    ["https://bank.org@evil.example/", "https://bank.org@evil.example/ (evil.example)"],
    ["[evil.example.org](https://evil.example)", "evil.example.org (evil.example)"],
    ["[evil.example:x@bank.org](https://evil.example)", "evil.example:x@bank.org (evil.example)"],
    ["[bücher.example](https://bücher.example)", "bücher.example (xn--bcher-kva.example)"],
    ["[![](https://evil.example/a)](https://evil.example/b)", " (evil.example)https://evil.example/a"],
    ["[write](mailto:Ann@example.org?subject=x)", "write (ann@example.org)"],
    ["https://Example.org:8443/a", "https://Example.org:8443/a"],
    ["www.example.org", "www.example.org"],
    ["ann@example.org", "ann@example.org"],
    ["[here](/admin/)", "here"],
  ])("shows where %s leads, once", (text, shown) => {
    expect(render(text).textContent?.trim()).toBe(shown.trim());
  });

  it("shows pictures as links and loads nothing", () => {
    const root = render("![a cat](https://example.org/cat.png) ![](https://example.org/dog.png)");
    expect(root.querySelector("img")).toBeNull();
    expect([...root.querySelectorAll("a")].map((link) => link.textContent)).toEqual([
      "a cat",
      "https://example.org/dog.png",
    ]);
  });

  it("closes what a growing text has not closed yet", () => {
    const [block] = renderBlocks("Some **bold", { isGrowing: true });
    expect(block).toContain("<strong>bold</strong>");
  });

  it("colours code and draws formulas once what they need is loaded", async () => {
    const text =
      "```py\nx = 1\n```\n\n$$\\frac{1}{2}$$\n\nIt costs $5 and $10, and \\(a^2\\) is $b_1$, $$c$$.";
    render(text);
    await vi.waitFor(() => {
      const root = render(text);
      expect(root.querySelector(".hljs-number")?.textContent).toBe("1");
      expect(root.querySelector("math[display=block] mfrac")).not.toBeNull();
      expect(root.querySelectorAll("p math")).toHaveLength(3);
      expect(root.textContent).toContain("$5 and $10");
    });
  });

  it("keeps formulas from doing anything but being drawn", async () => {
    const text = "$$\\href{javascript:alert(1)}{x} \\htmlClass{a}{b} \\includegraphics{https://a.b/c.png}$$";
    await vi.waitFor(() => expect(render(text).querySelector("math")).not.toBeNull());
    expect(render(text).querySelector("[href], img, [src]")).toBeNull();
  });

  it("stays right after many different blocks", () => {
    const text = Array.from({ length: 510 }, (_, number) => `Paragraph ${number}`).join("\n\n");
    expect(renderBlocks(text)).toHaveLength(510);
    expect(renderBlocks("Paragraph 7")).toEqual(["<p>Paragraph 7</p>\n"]);
  });
});

describe("hostile text", () => {
  const payloads = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "hello <b onmouseover=alert(1)>there</b>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:alert(1))",
    '[x](https://a.b "\\" onclick=alert(1) ")',
    "![x](javascript:alert(1))",
    '![" onerror="alert(1)](https://a.b/"onerror="alert(1))',
    "<a href='javascript:alert(1)'>x</a>",
    "<style>body{display:none}</style>",
    "<form action=/accounts/logout/ method=post><button>x</button></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    '```"><img src=x onerror=alert(1)>\ncode\n```',
    "<details open ontoggle=alert(1)>",
    "| <img src=x onerror=alert(1)> |\n| - |\n| <script>alert(1)</script> |",
    '<https://a.b/?"onclick=alert(1)>',
    "[x]: javascript:alert(1)\n\n[x]",
  ];

  it.each(payloads)("is inert: %s", (payload) => {
    const root = render(payload);
    for (const element of root.querySelectorAll("*")) {
      expect(
        "a blockquote br button code del div em p pre span strong table tbody td th thead tr".split(" "),
      ).toContain(element.localName);
      for (const { name, value } of element.attributes) {
        expect(name).not.toMatch(/^(on|style|src|id|name|form)/);
        if (name === "class") expect(value).toMatch(/^(code|code-bar|host|quiet|hljs-\S+)$/);
        if (name === "href") expect(value).toMatch(/^https:/);
      }
    }
  });

  it("shows as it was written", () => {
    expect(render("<script>alert(1)</script>").textContent?.trim()).toBe("<script>alert(1)</script>");
    expect(render("a <b>bold</b> word").textContent?.trim()).toBe("a <b>bold</b> word");
  });
});
