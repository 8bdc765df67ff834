/** Tells others that this person types: renewed while it lasts, taken back after a pause. */

import type { ClientCommand } from "../protocol";

export const RENEW_MS = 3_000;
export const PAUSE_MS = 4_000;

export class TypingNotice {
  private readonly tell: (command: ClientCommand) => void;
  private toldAt = Number.NEGATIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (command: ClientCommand) => void) {
    this.tell = tell;
  }

  touch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.stop(), PAUSE_MS);
    if (Date.now() - this.toldAt < RENEW_MS) return;
    this.toldAt = Date.now();
    this.tell({ type: "typing_start" });
  }

  stop(): void {
    clearTimeout(this.timer);
    if (this.toldAt === Number.NEGATIVE_INFINITY) return;
    this.toldAt = Number.NEGATIVE_INFINITY;
    this.tell({ type: "typing_stop" });
  }
}
