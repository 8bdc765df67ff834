/** The line of messages in runs of eight or so, which a browser can leave out as a whole. */

import type { Place } from "./branches";

export interface Run {
  /** Stays the same while any of its messages is shown. */
  readonly key: string;
  readonly places: Place[];
}

const BEGINS_A_RUN = /[01]$/;

export class Runs {
  /** The key of the run that each message stood in when it was first seen. */
  private readonly keys = new Map<string, string>();

  /**
   * Where a run begins depends on a message's id alone, or on what was its first when it was drawn: whatever
   * comes, goes or is loaded in front, a message stays in its run, and the element that shows it stays too.
   */
  of(line: readonly Place[]): Run[] {
    const runs: Run[] = [];
    const taken = new Set<string>();
    for (const place of line) {
      const { id } = place.message;
      let run = runs.at(-1);
      const key = this.keys.get(id) ?? (BEGINS_A_RUN.test(id) ? id : (run?.key ?? id));
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
