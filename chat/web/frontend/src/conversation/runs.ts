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
  private latest = new Map<string, Run>();

  /**
   * What was not there before joins the run in front of it while that has room. Whatever comes, goes or is
   * loaded in front, a message stays in the run it was first seen in, and the element that shows it stays too.
   * A run in which nothing has changed is the same object as before.
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
    const known = runs.map((run) => this.known(run));
    this.latest = new Map(known.map((run) => [run.key, run]));
    return known;
  }

  private known(run: Run): Run {
    const before = this.latest.get(run.key);
    return before && isSame(before.places, run.places, isSamePlace) ? before : run;
  }
}

function isSamePlace(one: Place, other: Place): boolean {
  return one.message === other.message && isSame(one.siblings, other.siblings);
}

function isSame<T>(
  one: readonly T[],
  other: readonly T[],
  isEqual: (one: T, other: T) => boolean = Object.is,
): boolean {
  return one.length === other.length && one.every((each, at) => isEqual(each, other[at] as T));
}
