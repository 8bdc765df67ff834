/** The chat page in jsdom: opened with data of its own, the test plays the server. */

import { vi } from "vitest";
import "../src/elements/chat";
import type { Page } from "../src/conversation/page";
import type { ParleyChat } from "../src/elements/chat";
import {
  established,
  FakeWebSocket,
  messageView,
  page,
  replyView,
  transcript,
  useFakeWebSocket,
} from "./support";

export class FakeResizeObserver {
  static notify: () => void = () => undefined;

  constructor(callback: () => void) {
    FakeResizeObserver.notify = callback;
  }

  observe(): void {}
}

export interface Asked {
  method: string;
  url: string;
  body: unknown;
}

/** What the server will answer, first come first served, and what it was asked. */
export const server: { answers: Response[]; asked: Asked[] } = { answers: [], asked: [] };

export function askedUrls(): string[] {
  return server.asked.map((each) => each.url);
}

export function setUp(): void {
  vi.useFakeTimers();
  useFakeWebSocket();
  vi.stubGlobal("ResizeObserver", FakeResizeObserver);
  server.answers = [];
  server.asked = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const body = typeof init.body === "string" ? (JSON.parse(init.body) as unknown) : init.body;
    server.asked.push({ method: init.method ?? "GET", url, body });
    return server.answers.shift() ?? Response.json(transcript([messageView(), replyView()]));
  });
  sessionStorage.clear();
  localStorage.clear();
}

export function tearDown(): void {
  for (const chat of document.querySelectorAll("parley-chat")) chat.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
}

export async function open(fields: Partial<Page> = {}): Promise<ParleyChat> {
  const json = JSON.stringify(page(fields)).replaceAll("<", "\\u003c");
  document.title = "Untitled chat · Parley";
  document.body.innerHTML = `
    <h1 id="session-title" class="session-name" data-untitled>Untitled chat</h1>
    <script id="chat-page" type="application/json">${json}</script>
    <parley-chat></parley-chat>`;
  const chat = one<ParleyChat>("parley-chat");
  await settle();
  return chat;
}

export async function openStreaming(): Promise<ParleyChat> {
  const chat = await open({ transcript: transcript([messageView(), replyView()]) });
  FakeWebSocket.last.serve(established());
  await settle();
  return chat;
}

export const answered = replyView({ status: "complete", content: "Hi" });

/** With a question and its answer, `answered` unless the fields say otherwise. */
export async function openAnswered(fields: Partial<Page> = {}): Promise<void> {
  const shown = fields.transcript ?? transcript([messageView(), answered]);
  await open({ ...fields, transcript: shown });
  server.answers.push(Response.json(shown));
  FakeWebSocket.last.serve(established());
  await settle();
}

/** Lets promises, one animation frame and the rendering after it happen. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await vi.advanceTimersByTimeAsync(17);
}

export function one<T extends HTMLElement = HTMLElement>(selector: string): T {
  const found = document.querySelector<T>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

export function button(name: string): HTMLButtonElement | undefined {
  return [...document.querySelectorAll("button")].find(
    (each) => (each.ariaLabel ?? each.textContent?.trim()) === name && !each.hidden,
  );
}

export function shownIds(): (string | undefined)[] {
  return [...document.querySelectorAll<HTMLElement>("article")].map((each) => each.dataset.messageId);
}

export function say(): string {
  return one("[role=status]").textContent?.trim() ?? "";
}

export function type(text: string): HTMLTextAreaElement {
  const box = one<HTMLTextAreaElement>("textarea");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  return box;
}

export function press(box: HTMLElement, init: KeyboardEventInit = {}): boolean {
  return box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", cancelable: true, ...init }));
}

export function sentTypes(): unknown[] {
  return FakeWebSocket.last.sent.map((command) => command.type);
}
