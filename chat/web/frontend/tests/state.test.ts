import { describe, expect, it } from "vitest";

import { applyEvent } from "../src/conversation/events";
import { initialState, replyOf, stopReplies, textOf } from "../src/conversation/state";
import { mergeTranscript, prependMessages } from "../src/conversation/transcript";
import {
  applyAll,
  delta,
  established,
  failed,
  finished,
  GENERATION,
  ME,
  messageView,
  queued,
  REPLY,
  replyView,
  SESSION,
  started,
  transcript,
  update,
  waitingState,
} from "./support";

const resume = (after_seq: number) => ({
  type: "resume",
  generation_id: GENERATION,
  after_seq,
  request_id: `resume:${GENERATION}`,
});

function reply(state = waitingState()) {
  const message = state.messages.find((other) => other.id === REPLY);
  if (!message) throw new Error("no reply");
  return { ...message, content: textOf(message, replyOf(state, REPLY)) };
}

describe("a reply", () => {
  it("is the concatenation of its deltas", () => {
    const step = applyAll(waitingState(), queued(1), started(), delta(0), delta(1), delta(2));
    expect(reply(step.state)).toMatchObject({ content: "w0 w1 w2 ", status: "streaming" });
    const end = applyAll(step.state, finished(2));
    expect(reply(end.state)).toMatchObject({
      content: "w0 w1 w2 ",
      status: "complete",
      is_streaming: false,
      finish_reason: "stop",
      tokens_used: 5,
    });
    expect(end.state.live).toEqual({});
    expect(end.announce).toBe("Reply complete");
    expect(end.needsTranscript).toBe(false);
  });

  it("drops repeats", () => {
    const step = applyAll(waitingState(), delta(0), delta(1), delta(0), delta(1), delta(2));
    expect(reply(step.state).content).toBe("w0 w1 w2 ");
    expect(step.commands).toEqual([]);
  });

  it("asks once for what a gap left out, and goes on without losing or repeating anything", () => {
    const gap = applyAll(waitingState(), delta(0), delta(3), delta(4));
    expect(gap.commands).toEqual([resume(0)]);
    expect(reply(gap.state).content).toBe("w0 ");
    const whole = applyAll(gap.state, delta(1), delta(2), delta(3), delta(4), delta(5));
    expect(whole.commands).toEqual([]);
    expect(reply(whole.state).content).toBe("w0 w1 w2 w3 w4 w5 ");
    expect(applyAll(whole.state, delta(7)).commands).toEqual([resume(5)]);
  });

  it("does not end before its last delta", () => {
    const early = applyAll(waitingState(), delta(0), finished(2));
    expect(reply(early.state).status).toBe("streaming");
    expect(early.commands).toEqual([resume(0)]);
    const end = applyAll(early.state, delta(1), delta(2), finished(2));
    expect(reply(end.state)).toMatchObject({ content: "w0 w1 w2 ", status: "complete" });
  });

  it("asks for the transcript when catching up does not help", () => {
    expect(applyAll(waitingState(), delta(0), finished(2), finished(2)).needsTranscript).toBe(true);
  });

  it("may end without a word", () => {
    expect(reply(applyAll(waitingState(), started(), finished(-1)).state)).toMatchObject({
      content: "",
      status: "complete",
    });
  });

  it("keeps its text when it is stopped", () => {
    const step = applyAll(waitingState(), delta(0), finished(0, "cancelled"));
    expect(reply(step.state)).toMatchObject({ content: "w0 ", status: "cancelled" });
    expect(step.announce).toBe("Reply stopped");
  });

  it("says why it failed", () => {
    const step = applyAll(waitingState(), started(), delta(0), failed("Out of memory."));
    expect(reply(step.state)).toMatchObject({
      content: "w0 ",
      status: "failed",
      error_message: "Out of memory.",
    });
    expect(step.announce).toBe("Reply failed: Out of memory.");
    expect(step.needsTranscript).toBe(false);
  });

  it("asks for the transcript when it failed before it was followed", () => {
    expect(applyAll(waitingState(), failed()).needsTranscript).toBe(true);
    expect(applyAll(waitingState(), delta(0), delta(2), failed()).needsTranscript).toBe(true);
  });

  it("that ended ignores what comes late", () => {
    const end = applyAll(waitingState(), delta(0), finished(0)).state;
    for (const event of [queued(1), started(), delta(0), delta(1), finished(3), failed()]) {
      const late = applyEvent(end, event);
      expect(late.state.messages).toEqual(end.messages);
      expect(late.state.live).toEqual({});
      expect(late.commands).toEqual([]);
    }
  });

  it("is taken whole from a message_update, whatever was streamed", () => {
    const whole = replyView({ status: "complete", content: "All of it" });
    const step = applyAll(waitingState(), delta(0), update(whole), finished(40));
    expect(reply(step.state).content).toBe("All of it");
    expect(step.commands).toEqual([]);
    expect(step.announce).toBe("Reply complete");
  });

  it("keeps its streamed text when its row is told again", () => {
    expect(reply(applyAll(waitingState(), delta(0), update(replyView())).state).content).toBe("w0 ");
  });

  it("may be streamed before its message is known", () => {
    const start = initialState(SESSION, ME);
    const step = applyAll(start, delta(0), update(replyView(), "new_message"), delta(1));
    expect(reply(step.state).content).toBe("w0 w1 ");
    expect(applyAll(start, delta(0), finished(0)).needsTranscript).toBe(true);
  });
});

describe("announcements", () => {
  it("are sentences, once each", () => {
    const first = applyAll(waitingState(), started());
    expect(first.announce).toBe("Parley is replying");
    expect(applyAll(first.state, started(), delta(0), delta(1)).announce).toBeNull();
  });

  it("tell a place in the queue when it changes", () => {
    const first = applyAll(waitingState(), queued(3, 12));
    expect(first.announce).toBe("Waiting: place 3");
    expect(replyOf(first.state, REPLY)).toMatchObject({ place: 3, etaSeconds: 12 });
    expect(applyAll(first.state, queued(3, 8)).announce).toBeNull();
    expect(applyAll(first.state, queued(2, 4)).announce).toBe("Waiting: place 2");
    expect(replyOf(applyAll(first.state, started()).state, REPLY)?.place).toBeNull();
  });

  it("ask the server why there is no estimate", () => {
    expect(applyAll(waitingState(), queued(1)).needsTranscript).toBe(true);
    expect(applyAll(waitingState(), queued(1, 3)).needsTranscript).toBe(false);
  });

  it("say nothing of a place when a slot is free", () => {
    expect(applyAll(waitingState(), queued(1, 0)).announce).toBeNull();
  });
});

describe("a new connection", () => {
  it("resumes each reply after its own last delta", () => {
    const streaming = applyAll(waitingState(), delta(0), delta(1)).state;
    const step = applyEvent(
      streaming,
      established(
        { generation_id: GENERATION, message_id: REPLY, last_seq: 8 },
        { generation_id: "generation-2", message_id: "message-9", last_seq: 3 },
      ),
    );
    expect(step.commands).toEqual([
      resume(1),
      {
        type: "resume",
        generation_id: "generation-2",
        after_seq: -1,
        request_id: "resume:generation-2",
      },
    ]);
    expect(step.needsTranscript).toBe(true);
  });

  it("resumes a reply that is no longer active, to hear its end", () => {
    const streaming = applyAll(waitingState(), delta(0)).state;
    expect(applyEvent(streaming, established()).commands).toEqual([resume(0)]);
  });

  it("asks again to stop what should have stopped", () => {
    const stopping = stopReplies(applyAll(waitingState(), delta(0)).state);
    const cancel = { type: "cancel", generation_id: GENERATION };
    expect(stopping.commands).toEqual([cancel]);
    expect(applyEvent(stopping.state, established()).commands).toEqual([resume(0), cancel]);
  });

  it("asks again when a gap was being filled as the connection broke", () => {
    const gap = applyAll(waitingState(), delta(0), delta(5)).state;
    const again = applyEvent(gap, established()).state;
    expect(applyAll(again, delta(5)).commands).toEqual([resume(0)]);
  });

  it("forgets who was there", () => {
    const joined = applyAll(waitingState(), { type: "user_joined", user_id: "bob", username: "bob" });
    expect(applyEvent(joined.state, established()).state.people).toEqual({});
  });

  it("asks for the transcript when a resume is refused", () => {
    const error = { code: "not_found", message: "There is no such reply.", field: null };
    expect(
      applyEvent(waitingState(), { type: "error", request_id: `resume:${GENERATION}`, error })
        .needsTranscript,
    ).toBe(true);
    expect(applyEvent(waitingState(), { type: "error", request_id: "send", error }).needsTranscript).toBe(
      false,
    );
  });
});

describe("messages", () => {
  it("come in order of time", () => {
    const later = messageView({ id: "later", created_at: "2026-01-01T11:00:00Z" });
    const earlier = messageView({ id: "earlier", created_at: "2026-01-01T09:00:00Z" });
    const state = applyAll(
      waitingState(),
      update(later, "new_message"),
      update(earlier, "new_message"),
    ).state;
    expect(state.messages.map((message) => message.id)).toEqual(["earlier", "message-1", REPLY, "later"]);
  });

  it("written at the same moment keep a fixed order", () => {
    const twins = ["b", "a", "c"].map((id) => update(messageView({ id }), "new_message"));
    const state = applyAll(initialState(SESSION, ME), ...twins).state;
    expect(state.messages.map((message) => message.id)).toEqual(["a", "b", "c"]);
  });

  it("are replaced by an update and go when deleted", () => {
    const edited = applyAll(waitingState(), update(messageView({ content: "Better" }))).state;
    expect(edited.messages[0]?.content).toBe("Better");
    const deleted = applyEvent(applyAll(edited, delta(0)).state, update(replyView(), "deleted"));
    expect(deleted.state.messages.map((message) => message.id)).toEqual(["message-1"]);
    expect(deleted.state.live).toEqual({});
    expect(deleted.announce).toBeNull();
  });

  it("of another session are none of ours", () => {
    const foreign = update(messageView({ id: "x", session_id: "other" }), "new_message");
    expect(applyEvent(waitingState(), foreign).state).toEqual(waitingState());
  });
});

describe("a transcript", () => {
  it("brings what was missed, and takes away what was deleted meanwhile", () => {
    const answer = replyView({ status: "complete", content: "Done", updated_at: "2026-01-01T10:01:00Z" });
    const next = messageView({ id: "next", created_at: "2026-01-01T10:02:00Z" });
    const step = mergeTranscript(applyAll(waitingState(), delta(0)).state, transcript([answer, next]));
    expect(step.state.messages).toEqual([answer, next]);
    expect(step.state.live).toEqual({});
  });

  it("keeps the streamed text of a reply that still streams", () => {
    const state = applyAll(waitingState(), delta(0)).state;
    const active = [{ generation_id: GENERATION, message_id: REPLY }];
    const step = mergeTranscript(
      state,
      transcript([messageView(), replyView()], { active_generations: active }),
    );
    expect(reply(step.state).content).toBe("w0 ");
    expect(step.commands).toEqual([]);
  });

  it("resumes a reply it is the first to tell of", () => {
    const active = [{ generation_id: GENERATION, message_id: REPLY }];
    const told = transcript([messageView(), replyView()], { active_generations: active });
    expect(mergeTranscript(initialState(SESSION, ME), told).commands).toEqual([resume(-1)]);
  });

  it("does not undo what events said since the connection", () => {
    const connected = applyEvent(waitingState(), established()).state;
    const added = messageView({ id: "added", created_at: "2026-01-01T10:05:00Z" });
    const live = applyAll(
      connected,
      delta(0),
      finished(0),
      update(added, "new_message"),
      update(messageView(), "deleted"),
    ).state;
    const active = [{ generation_id: GENERATION, message_id: REPLY }];
    const old = transcript([messageView(), replyView()], { active_generations: active });
    const step = mergeTranscript(live, old);
    expect(step.state.messages.map((message) => message.id)).toEqual([REPLY, "added"]);
    expect(reply(step.state)).toMatchObject({ status: "complete", content: "w0 " });
    expect(step.commands).toEqual([]);
  });

  it("keeps the newer version of a message", () => {
    const edited = messageView({ content: "Newer", updated_at: "2026-01-01T12:00:00Z" });
    const state = applyAll(waitingState(), update(edited)).state;
    expect(mergeTranscript(state, transcript([messageView(), replyView()])).state.messages[0]).toEqual(
      edited,
    );
    const newest = messageView({ content: "Newest", updated_at: "2026-01-01T13:00:00Z" });
    expect(mergeTranscript(state, transcript([newest])).state.messages[0]).toEqual(newest);
  });

  it("corrects a failed reply whose deltas were missed", () => {
    const state = applyAll(waitingState(), failed()).state;
    const stored = replyView({ status: "failed", content: "Half", error_message: "The worker stopped." });
    expect(reply(mergeTranscript(state, transcript([messageView(), stored])).state).content).toBe("Half");
  });

  it("leaves earlier messages that were loaded before", () => {
    const early = messageView({ id: "early", created_at: "2026-01-01T08:00:00Z" });
    const state = prependMessages(waitingState(), [early, messageView()]);
    expect(state.messages.map((message) => message.id)).toEqual(["early", "message-1", REPLY]);
    const window = transcript([messageView(), replyView()], { earlier_url: "/earlier" });
    expect(mergeTranscript(state, window).state.messages).toEqual(state.messages);
    const whole = transcript([messageView(), replyView()]);
    expect(mergeTranscript(state, whole).state.messages.map((message) => message.id)).toEqual([
      "message-1",
      REPLY,
    ]);
  });
});

describe("people", () => {
  const bob = { user_id: "bob", username: "Bob" };

  it("come, type and go", () => {
    const here = applyAll(
      waitingState(),
      { type: "user_joined", ...bob },
      { type: "typing_indicator", ...bob, is_typing: true },
    ).state;
    expect(here).toMatchObject({ people: { bob: "Bob" }, typing: { bob: "Bob" } });
    expect(applyEvent(here, { type: "typing_indicator", ...bob, is_typing: false }).state.typing).toEqual({});
    expect(applyEvent(here, { type: "user_left", ...bob }).state).toMatchObject({ people: {}, typing: {} });
  });

  it("do not include oneself", () => {
    const me = { user_id: ME, username: "ada" };
    const step = applyAll(
      waitingState(),
      { type: "user_joined", ...me },
      { type: "typing_indicator", ...me, is_typing: true },
    );
    expect(step.state).toEqual(waitingState());
  });
});

describe("other events", () => {
  it("change nothing", () => {
    expect(applyEvent(waitingState(), { type: "pong" }).state).toEqual(waitingState());
    const ack = { type: "ack", request_id: "r", message_id: "m", generation_id: null } as const;
    expect(applyEvent(waitingState(), ack).state).toEqual(waitingState());
  });
});

describe("a transcript of a reply that goes on", () => {
  const half = replyView({ status: "cancelled", content: "Half", updated_at: "2026-01-01T10:01:00Z" });
  const on = replyView({ content: "Half", updated_at: "2026-01-01T10:02:00Z" });

  it.each([
    ["newer than the end that is known", half, "streaming"],
    ["older than the end that is known", { ...half, content: "Half and half" }, "cancelled"],
    ["as old as it", { ...half, updated_at: on.updated_at }, "cancelled"],
  ] as const)("%s", (_, mine, status) => {
    const state = { ...initialState(SESSION, ME), messages: [messageView(), mine] };
    const merged = mergeTranscript(state, transcript([messageView(), on])).state;
    expect(merged.messages[1]?.status).toBe(status);
  });
});
