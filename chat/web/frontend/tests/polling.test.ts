import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pollPart } from "../src/pages/polling";

beforeEach(() => {
  vi.useFakeTimers();
  document.body.innerHTML = '<div data-poll="/progress/">old</div>';
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function answer(...answers: (Response | Error)[]): ReturnType<typeof vi.fn> {
  const fetched = vi.fn();
  for (const each of answers) {
    if (each instanceof Error) fetched.mockRejectedValueOnce(each);
    else fetched.mockResolvedValueOnce(each);
  }
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

test("shows what the server says, and goes on after a failure", async () => {
  const fetched = answer(new Response("new"), new TypeError("offline"), new Response("newer"));
  pollPart(document);
  await vi.advanceTimersByTimeAsync(2000);
  expect(document.body.textContent).toBe("new");
  await vi.advanceTimersByTimeAsync(4000);
  expect(document.body.textContent).toBe("newer");
  expect(fetched).toHaveBeenCalledTimes(3);
});

test("what is said of another part of the page goes there", async () => {
  document.body.innerHTML = '<b id="model"></b><div data-poll="/progress/"></div>';
  answer(new Response('<span hidden data-text-for="model">demo</span>Running'));
  pollPart(document);
  await vi.advanceTimersByTimeAsync(2000);
  expect(document.querySelector("#model")?.textContent).toBe("demo");
});

test("leaves a part alone that has the focus", async () => {
  document.body.innerHTML = '<div data-poll="/progress/"><button>Cancel</button></div>';
  document.querySelector("button")?.focus();
  const fetched = answer(new Response("new"));
  pollPart(document);
  await vi.advanceTimersByTimeAsync(2000);
  expect(fetched).not.toHaveBeenCalled();
});

test("does nothing on other pages", async () => {
  document.body.innerHTML = "";
  const fetched = answer();
  pollPart(document);
  await vi.advanceTimersByTimeAsync(5000);
  expect(fetched).not.toHaveBeenCalled();
});
