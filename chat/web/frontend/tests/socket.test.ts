import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ANSWER_MS,
  ChatSocket,
  type Connection,
  LONGEST_DELAY_MS,
  newRequestId,
  QUIET_MS,
  type Request,
  reconnectDelay,
  SHORTEST_DELAY_MS,
} from "../src/conversation/socket";
import { Close, type ServerEvent } from "../src/protocol";
import { established, FakeWebSocket, useFakeWebSocket } from "./support";

const send: Request = { type: "send_message", content: "Hi", request_id: "r1" };

let events: ServerEvent[];
let connections: Connection[];
let socket: ChatSocket;

beforeEach(() => {
  vi.useFakeTimers();
  useFakeWebSocket();
  events = [];
  connections = [];
  socket = new ChatSocket({
    url: "ws://host/socket",
    onEvent: (event) => events.push(event),
    onConnection: (connection) => connections.push(connection),
    random: () => 0.5,
  });
  socket.open();
});

afterEach(() => {
  socket.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function breakAndReconnect(code = 1006): FakeWebSocket {
  FakeWebSocket.last.fail(code);
  vi.advanceTimersByTime(LONGEST_DELAY_MS);
  FakeWebSocket.last.serve(established());
  return FakeWebSocket.last;
}

describe("reconnectDelay", () => {
  it("has full jitter under a doubling bound with a cap and a floor", () => {
    expect(reconnectDelay(0, 0)).toBe(SHORTEST_DELAY_MS);
    expect(reconnectDelay(0, 0.9)).toBe(450);
    expect(reconnectDelay(3, 0.5)).toBe(2_000);
    expect(reconnectDelay(50, 0.999)).toBeLessThanOrEqual(LONGEST_DELAY_MS);
    expect(reconnectDelay(50, 1)).toBe(LONGEST_DELAY_MS);
  });
});

describe("newRequestId", () => {
  it("is fit for the protocol and never the same", () => {
    expect(newRequestId()).toMatch(/^[0-9a-f]{32}$/);
    expect(newRequestId()).not.toBe(newRequestId());
  });
});

describe("the connection", () => {
  it("counts as one when the server has said so", () => {
    expect(FakeWebSocket.last.url).toBe("ws://host/socket");
    expect(connections).toEqual([{ kind: "connecting" }]);
    expect(socket.tell({ type: "typing_start" })).toBe(false);
    FakeWebSocket.last.serve(established());
    expect(connections.at(-1)).toEqual({ kind: "connected" });
    expect(socket.tell({ type: "typing_start" })).toBe(true);
    expect(FakeWebSocket.last.sent).toEqual([{ type: "typing_start" }]);
    expect(events).toEqual([established()]);
  });

  it("comes back after a break, later each time", () => {
    const waits: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      FakeWebSocket.last.fail(1012);
      const state = connections.at(-1);
      if (state?.kind !== "waiting") throw new Error("not waiting");
      waits.push(state.retryAt - Date.now());
      vi.advanceTimersByTime(waits[round] ?? 0);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000]);
    expect(FakeWebSocket.all).toHaveLength(5);
  });

  it("starts over with short waits once it stood", () => {
    FakeWebSocket.last.fail();
    vi.advanceTimersByTime(LONGEST_DELAY_MS);
    FakeWebSocket.last.serve(established());
    FakeWebSocket.last.fail();
    expect(connections.at(-1)).toEqual({ kind: "waiting", retryAt: Date.now() + 250 });
  });

  it.each([
    Close.NOT_LOGGED_IN,
    Close.NOT_ALLOWED,
    Close.NO_SUCH_SESSION,
  ])("ends for good with %s", (code) => {
    FakeWebSocket.last.fail(code);
    expect(connections.at(-1)).toEqual({ kind: "closed", code });
    vi.advanceTimersByTime(10 * LONGEST_DELAY_MS);
    window.dispatchEvent(new Event("online"));
    expect(FakeWebSocket.all).toHaveLength(1);
  });

  it("does not press when there are too many", () => {
    FakeWebSocket.last.fail(Close.TOO_MANY);
    expect(connections.at(-1)).toEqual({ kind: "waiting", retryAt: Date.now() + LONGEST_DELAY_MS / 2 });
  });

  it("gives up one that never answers", () => {
    vi.advanceTimersByTime(ANSWER_MS);
    expect(FakeWebSocket.last.isClosed).toBe(true);
    expect(connections.at(-1)?.kind).toBe("waiting");
  });

  it("asks after a silence whether anybody is there", () => {
    FakeWebSocket.last.serve(established());
    vi.advanceTimersByTime(QUIET_MS);
    expect(FakeWebSocket.last.sent).toEqual([{ type: "ping" }]);
    FakeWebSocket.last.serve({ type: "pong" });
    vi.advanceTimersByTime(ANSWER_MS);
    expect(connections.at(-1)?.kind).toBe("connected");
    vi.advanceTimersByTime(QUIET_MS);
    expect(connections.at(-1)?.kind).toBe("waiting");
  });

  it("does not wait when the network or the reader comes back", () => {
    FakeWebSocket.last.fail();
    window.dispatchEvent(new Event("online"));
    expect(FakeWebSocket.all).toHaveLength(2);
    FakeWebSocket.last.serve(established());
    document.dispatchEvent(new Event("visibilitychange"));
    expect(FakeWebSocket.last.sent).toEqual([{ type: "ping" }]);
  });

  it("sleeps on while the page is hidden", () => {
    FakeWebSocket.last.fail();
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(FakeWebSocket.all).toHaveLength(1);
  });

  it("stays closed when closed", () => {
    FakeWebSocket.last.serve(established());
    socket.close();
    vi.advanceTimersByTime(10 * LONGEST_DELAY_MS);
    window.dispatchEvent(new Event("online"));
    expect(FakeWebSocket.all).toHaveLength(1);
    expect(FakeWebSocket.last.isClosed).toBe(true);
  });
});

describe("a request", () => {
  it("waits for the connection", () => {
    socket.ask(send);
    expect(FakeWebSocket.last.sent).toEqual([]);
    FakeWebSocket.last.serve(established());
    expect(FakeWebSocket.last.sent).toEqual([send]);
  });

  it("is sent again, the same, until it is acknowledged", () => {
    FakeWebSocket.last.serve(established());
    socket.ask(send);
    expect(breakAndReconnect().sent).toEqual([send]);
    FakeWebSocket.last.serve({ type: "ack", request_id: "r1", message_id: "m", generation_id: "g" });
    expect(breakAndReconnect().sent).toEqual([]);
  });

  it("is done with when it is refused", () => {
    FakeWebSocket.last.serve(established());
    socket.ask(send);
    const error = { code: "reply_in_progress", message: "Wait.", field: null };
    FakeWebSocket.last.serve({ type: "error", request_id: "r1", error });
    expect(breakAndReconnect().sent).toEqual([]);
  });

  it("is answered here when no server would take its frame", () => {
    FakeWebSocket.last.serve(established());
    socket.ask(send);
    expect(breakAndReconnect(1009).sent).toEqual([]);
    expect(events).toContainEqual({
      type: "error",
      request_id: "r1",
      error: { code: "too_big", message: "This message is too long to send.", field: "content" },
    });
  });
});
