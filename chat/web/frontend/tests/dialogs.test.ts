import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openDialog } from "../src/dialogs";
import { SETTINGS_SAVED } from "../src/limits";
import {
  answered,
  button,
  one,
  openAnswered,
  openStreaming,
  server,
  settle,
  setUp,
  tearDown,
} from "./chat_page";
import { delta, FakeWebSocket, ME, messageView, page, REPLY, SESSION, transcript } from "./support";

const people = {
  participants: [
    { user_id: ME, username: "ada", role: "owner" },
    { user_id: "bob", username: "bob", role: "viewer" },
  ],
};
const session = {
  llm_model: "demo",
  system_prompt: "Be kind.",
  settings: { temperature: 0.5, stop: ["x"], context_policy: "compress" },
  message_count: 1_234,
  token_usage: 9,
  created_at: "2026-01-01T10:00:00Z",
  updated_at: "2026-01-01T10:00:00Z",
};
const range = { minimum: 0, maximum: 2_048, choices: [] };
const options = {
  options: [
    { name: "temperature", kind: "number", default: 0.8, ...range },
    { name: "max_tokens", kind: "integer", default: 1_000, ...range },
    { name: "seed", kind: "integer", default: null, ...range },
    {
      ...range,
      name: "context_policy",
      kind: "choice",
      default: "keep_all",
      choices: ["keep_all", "compress"],
    },
  ],
};

const models = {
  models: [
    { slug: "demo", provider: "LOCAL", status: "up", is_default: false },
    { slug: "far", provider: "somewhere", status: "degraded", latency_ms: 250, is_default: true },
    { slug: "gone", provider: "LOCAL", status: "down", is_default: false },
  ],
};
const brief = {
  id: "p1",
  name: "Brief",
  llm_model: "far",
  system_prompt: "Be brief.",
  settings: { seed: 7 },
  is_shared: false,
  is_mine: true,
};
const house = { ...brief, id: "p2", name: "House", llm_model: "", system_prompt: "", is_mine: false };

function presets(...shown: unknown[]): unknown {
  return { presets: shown, may_share: true };
}

beforeEach(() => {
  setUp();
  HTMLDialogElement.prototype.showModal = vi.fn();
  HTMLDialogElement.prototype.close = function close() {
    this.dispatchEvent(new Event("close"));
  };
});
afterEach(() => {
  for (const dialog of document.querySelectorAll("dialog.sheet")) dialog.dispatchEvent(new Event("close"));
  tearDown();
});

function answer(...bodies: unknown[]): void {
  server.asked = [];
  server.answers = bodies.map((body) => Response.json(body));
}

function refuse(message: string): void {
  server.asked = [];
  server.answers = [Response.json({ details: { message } }, { status: 409 })];
}

function fill(selector: string, value: string): void {
  one<HTMLInputElement>(selector).value = value;
}

function type(selector: string, value: string): void {
  fill(selector, value);
  one(selector).dispatchEvent(new Event("input", { bubbles: true }));
}

function choose(selector: string, value: string): void {
  const select = one<HTMLSelectElement>(selector);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
}

async function submit(): Promise<void> {
  one<HTMLFormElement>(".sheet form").dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await settle();
}

function sheet(): string {
  return one(".sheet").textContent?.replace(/\s+/g, " ") ?? "";
}

async function loaded(name: string): Promise<void> {
  await vi.dynamicImportSettled();
  await vi.waitUntil(() => document.querySelector(`parley-${name} dialog`));
  await settle();
}

describe("people", () => {
  async function open(fields = {}): Promise<void> {
    answer(people);
    await openDialog("people", { page: page(fields), present: ["bob"] });
    await settle();
  }

  it("are listed with what they may do and whether they are here", async () => {
    await open();
    expect(sheet()).toContain("ada here now Owner");
    expect(sheet()).toContain("bob here now");
    expect(one<HTMLSelectElement>(".people-list select").value).toBe("viewer");
  });

  it("are invited by name, and told why not", async () => {
    await open();
    fill("#invite-name", "eve");
    refuse("There is no such user.");
    await submit();
    expect(sheet()).toContain("There is no such user.");
    answer({}, people);
    await submit();
    expect(server.asked[0]).toMatchObject({ method: "POST", body: { username: "eve", role: "member" } });
    expect(one<HTMLInputElement>("#invite-name").value).toBe("");
  });

  it("are invited by a link", async () => {
    await open();
    answer({ token: "t0" });
    button("Make a link instead")?.click();
    await settle();
    expect(server.asked[0]?.url).toBe(`/api/v1/chat/sessions/${SESSION}/invitations`);
    expect(one<HTMLInputElement>("#invite-link").value).toBe(`${location.origin}/chat/join/t0/`);
    const writeText = vi.fn(async () => undefined);
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    button("Copy")?.click();
    await settle();
    expect(writeText).toHaveBeenCalledWith(`${location.origin}/chat/join/t0/`);
  });

  it("change their role and are removed", async () => {
    await open();
    answer({}, people);
    const select = one<HTMLSelectElement>(".people-list select");
    select.value = "member";
    select.dispatchEvent(new Event("change"));
    await settle();
    expect(server.asked[0]).toMatchObject({ method: "POST", body: { user_id: "bob", role: "member" } });
    answer({}, { participants: [people.participants[0]] });
    button("Remove bob")?.click();
    await settle();
    expect(server.asked[0]).toMatchObject({
      method: "DELETE",
      url: `/api/v1/chat/sessions/${SESSION}/participants/bob`,
    });
    expect(sheet()).not.toContain("bob");
  });

  it("who do not own the chat can leave it", async () => {
    await open({ role: "member" });
    expect(document.querySelector("#invite-name")).toBeNull();
    refuse("Not now.");
    button("Leave this chat")?.click();
    await settle();
    expect(server.asked[0]?.url).toBe(`/api/v1/chat/sessions/${SESSION}/participants/${ME}`);
    expect(sheet()).toContain("Not now.");
  });
});

describe("settings", () => {
  async function open(fields = {}): Promise<void> {
    answer(session, models, presets(brief, house), options);
    await openDialog("settings", { page: page(fields) });
    await settle();
  }

  it("tell what the chat is", async () => {
    await open();
    expect(sheet()).toContain("Messages1,234");
    expect(server.asked.at(-1)?.url).toBe("/api/v1/chat/options?model=demo");
    expect(sheet()).toContain("This server ready");
    expect(one<HTMLInputElement>("#set-temperature").value).toBe("0.5");
    expect(one<HTMLInputElement>("#set-max_tokens")).toMatchObject({
      value: "",
      placeholder: "1000",
      max: "2048",
    });
    expect(one<HTMLSelectElement>("#set-context_policy").value).toBe("compress");
  });

  it("are saved where they differ, and refused in words", async () => {
    await open();
    fill("#set-temperature", "");
    fill("#set-max_tokens", "50");
    fill("#set-context_policy", "keep_all");
    refuse("max_tokens must be …");
    await submit();
    expect(sheet()).toContain("max_tokens must be");
    answer(session);
    await submit();
    expect(server.asked[0]).toMatchObject({
      method: "PUT",
      body: { llm_model: "demo", system_prompt: "Be kind.", settings: { max_tokens: 50, stop: ["x"] } },
    });
    expect(sheet()).toContain("Saved");
    one(".sheet form").dispatchEvent(new Event("input"));
    await settle();
    expect(sheet()).not.toContain("Saved");
  });

  it("tell the page how long replies may become, and of another window", async () => {
    const mine = page();
    const told: unknown[] = [];
    const listen = (event: Event) => told.push((event as CustomEvent).detail);
    window.addEventListener(SETTINGS_SAVED, listen);
    answer(session, models, presets(brief, house), options);
    await openDialog("settings", { page: mine });
    await settle();
    const save = async (settings: Record<string, unknown>) => {
      answer({ ...session, settings });
      await submit();
      return mine.max_tokens;
    };
    expect(await save({ max_tokens: 50 })).toBe(50);
    expect(await save({ max_tokens: 50, context_size: 512 })).toBe(50);
    expect(await save({})).toBe(1_000);
    expect(told).toEqual([{}, { window: 512 }, { window: null }]);
    window.removeEventListener(SETTINGS_SAVED, listen);
  });

  it("are not asked of the server where a number is out of its range", async () => {
    await open();
    const asked = server.asked.length;
    fill("#set-max_tokens", "3000");
    await submit();
    expect(one(".sheet [role=alert]").textContent).toBe("Longest reply, in tokens must be from 0 to 2,048.");
    expect(server.asked).toHaveLength(asked);
    expect(document.activeElement?.id).toBe("set-max_tokens");
  });

  it("name the model, which can be another one", async () => {
    document.body.innerHTML = '<header><span class="model">demo</span></header>';
    await open();
    answer(options);
    choose("#set-model", "far");
    await settle();
    expect(server.asked[0]?.url).toBe("/api/v1/chat/options?model=far");
    expect(sheet()).toContain("somewhere unsteady");
    answer({ ...session, llm_model: "far" });
    await submit();
    expect(server.asked[0]).toMatchObject({ method: "PUT", body: { llm_model: "far" } });
    expect(one("header .model").textContent).toBe("far");
  });

  it("keep a model that nobody may choose any more", async () => {
    answer({ ...session, llm_model: "lost" }, models, presets(), options);
    await openDialog("settings", { page: page() });
    await settle();
    expect(one<HTMLSelectElement>("#set-model").value).toBe("lost");
    expect(sheet()).toContain("not answering");
  });

  it("of somebody else's chat are only read", async () => {
    await open({ role: "member" });
    expect(document.querySelector(".sheet form")).toBeNull();
  });

  it("show replies only when they are whole, if that is wanted", async () => {
    await openStreaming();
    answer(session, models, presets(), options);
    await openDialog("settings", { page: page() });
    await settle();
    const box = one<HTMLInputElement>(".sheet input[type=checkbox]");
    for (const isWanted of [true, false]) {
      box.checked = isWanted;
      box.dispatchEvent(new Event("change"));
      FakeWebSocket.last.serve(delta(Number(!isWanted), "word "));
      await settle();
      expect(one(`[data-message-id=${REPLY}]`).textContent?.includes("word")).toBe(!isWanted);
    }
  });
});

describe("a chat that is set up", () => {
  async function open(...shown: unknown[]): Promise<void> {
    answer(models, presets(...shown), options);
    await openDialog("setup", {});
    await settle();
  }

  it("begins with the default, or with a preset", async () => {
    const assign = vi.fn();
    vi.stubGlobal("location", { assign });
    await open(brief, house);
    expect(one<HTMLSelectElement>("#set-model").value).toBe("far");
    expect(one<HTMLOptionElement>("#set-model option:last-child").disabled).toBe(true);
    answer(options);
    choose("#set-preset", "p1");
    await settle();
    answer(options);
    choose("#set-preset", "p2");
    await settle();
    expect(one<HTMLSelectElement>("#set-model").value).toBe("far");
    answer(options);
    choose("#set-preset", "p1");
    await settle();
    answer({ id: "new" });
    await submit();
    expect(server.asked[0]).toMatchObject({
      method: "POST",
      url: "/api/v1/chat/sessions",
      body: { llm_model: "far", system_prompt: "Be brief.", settings: { seed: 7 }, is_temporary: false },
    });
    expect(assign).toHaveBeenCalledWith("/chat/new/");
  });

  it("keeps what was typed where a number is out of its range", async () => {
    await open();
    type("#set-system", "Be short.");
    type("#set-temperature", "3000");
    await submit();
    expect(one(".sheet [role=alert]").textContent).toBe("Temperature must be from 0 to 2,048.");
    expect(one<HTMLTextAreaElement>("#set-system").value).toBe("Be short.");
    expect(one<HTMLInputElement>("#set-temperature").value).toBe("3000");
  });

  it("can be kept under a name, again under the same, and forgotten", async () => {
    await open();
    expect(document.querySelector("#set-preset")).toBeNull();
    fill("#set-system", "Be brief.");
    type("#preset-name", "Brief");
    refuse("You have too many.");
    button("Keep")?.click();
    await settle();
    expect(sheet()).toContain("You have too many.");
    for (const [method, url] of [
      ["POST", "/api/v1/chat/presets"],
      ["PUT", "/api/v1/chat/presets/p1"],
    ]) {
      answer(brief);
      button("Keep")?.click();
      await settle();
      expect(server.asked[0]).toMatchObject({ method, url, body: { name: "Brief", is_shared: false } });
      expect(sheet()).toContain("Kept as Brief");
    }
    expect(one<HTMLSelectElement>("#set-preset").value).toBe("p1");
    answer({ message: "" });
    button("Delete the preset")?.click();
    await settle();
    expect(server.asked[0]).toMatchObject({ method: "DELETE", url: "/api/v1/chat/presets/p1" });
    expect(document.querySelector("#set-preset")).toBeNull();
  });
});

describe("a dialog that cannot be loaded", () => {
  it("says so, and others open from the bar", async () => {
    await openAnswered({ transcript: transcript([messageView(), answered]) });
    const bar = document.createElement("button");
    bar.dataset.dialog = "people";
    document.body.append(bar);
    answer(people);
    bar.click();
    await loaded("people");
    expect(sheet()).toContain("ada");
  });
});
