/** What of a session's messages is shown, and how much of that is drawn already: a screenful comes first. */

import type { MessageView } from "../protocol";
import { lineThrough, type Place } from "./branches";
import { type Run, Runs } from "./runs";

type Messages = readonly MessageView[];

/** Draws a change, in a task of its own. */
export type Drawing = (change: () => void) => Promise<void>;

/** The line of messages that passes through `anchor`, also in runs. */
interface Line {
  readonly messages: Messages;
  readonly anchor: string | null;
  readonly line: Place[];
  readonly runs: Run[];
}

export class Shown {
  private readonly inRuns = new Runs();
  private latest: Line | null = null;
  /** How many runs at the beginning are not drawn yet. */
  private undrawn = 0;

  /** Looked for again only where something has changed: a long line takes a while. */
  of(messages: Messages, anchor: string | null): Line {
    if (this.latest?.messages !== messages || this.latest.anchor !== anchor) {
      const line = lineThrough(messages, anchor);
      this.latest = { messages, anchor, line, runs: this.inRuns.of(line) };
    }
    return this.latest;
  }

  drawn(messages: Messages, anchor: string | null): Run[] {
    return this.of(messages, anchor).runs.slice(this.undrawn);
  }

  /** Leaves to `drawAbove` what is further up than `count` messages before the end, or before the anchor. */
  leave(messages: Messages, anchor: string | null, count: number): void {
    const { line, runs } = this.of(messages, anchor);
    const at = line.findIndex(({ message }) => message.id === anchor);
    const first = line[Math.max(0, (at < 0 ? line.length : at) - count)]?.message;
    this.undrawn = Math.max(
      0,
      runs.findIndex(({ places }) => places.some(({ message }) => message === first)),
    );
  }

  /** Leaves to `drawAbove` what came in front. */
  leaveNew(before: Messages, messages: Messages, anchor: string | null): void {
    const known = this.of(before, anchor).runs.length;
    this.undrawn += Math.max(0, this.of(messages, anchor).runs.length - known);
  }

  /** A run at a time, the latest first, so that no frame is late for them. */
  async drawAbove(draw: Drawing): Promise<void> {
    while (this.undrawn > 0) {
      await draw(() => {
        this.undrawn -= 1;
      });
    }
  }
}
