/** The line of messages in runs of a few, which a browser can leave out as a whole. */

import type { Place } from "./branches";

export interface Run {
  /** Stays the same while any of its messages is shown. */
  readonly key: string;
  readonly places: Place[];
}

/** As many messages as a run takes: what a browser lays out at once, and what is drawn in one frame. */
export const RUN = 6;

export class Runs {
  /** The key of the run that each message stood in when it was first seen. */
  private readonly keys = new Map<string, string>();

  /**
   * What was not there before joins the run in front of it while that has room. Whatever comes, goes or is
   * loaded in front, a message stays in the run it was first seen in, and the element that shows it stays too.
   */
  of(line: readonly Place[]): Run[] {
    const runs: Run[] = [];
    const taken = new Set<string>();
    for (const place of line) {
      const { id } = place.message;
      let run = runs.at(-1);
      const key = this.keys.get(id) ?? (run && run.places.length < RUN ? run.key : id);
      if (run?.key !== key) {
        run = { key: taken.has(key) ? id : key, places: [] };
        runs.push(run);
        taken.add(run.key);
      }
      run.places.push(place);
      this.keys.set(id, run.key);
    }
    return runs;
  }
}
