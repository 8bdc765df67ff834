/** The files that will go with the next message: sent to the server at once, so that it can refuse them. */

import { request } from "./api";
import { gettext } from "./i18n";
import { count } from "./measurements";

export const MOST_FILES = 10;

export interface Upload {
  readonly name: string;
  /** Known once the server has it. */
  readonly id: string | null;
}

export class Uploads {
  files: readonly Upload[] = [];
  /** Why files of the latest choice were not taken. */
  problem = "";
  private readonly sessionId: string;
  private readonly maxBytes: number;
  private readonly changed: () => void;

  constructor(sessionId: string, maxBytes: number, changed: () => void) {
    this.sessionId = sessionId;
    this.maxBytes = maxBytes;
    this.changed = changed;
  }

  /** What a message can be sent with. */
  get ids(): string[] {
    return this.files.flatMap(({ id }) => id ?? []);
  }

  get isBusy(): boolean {
    return this.files.some(({ id }) => id === null);
  }

  async add(files: Iterable<File>): Promise<void> {
    this.problem = "";
    await Promise.all([...files].map((file) => this.send(file)));
  }

  async remove(upload: Upload): Promise<void> {
    this.files = this.files.filter((other) => other !== upload);
    this.changed();
    // What cannot be taken back now goes by itself after a day.
    if (upload.id) await request("DELETE", `attachments/${upload.id}`).catch(() => undefined);
  }

  /** They have been sent. */
  clear(): void {
    this.files = [];
    this.problem = "";
    this.changed();
  }

  private async send(file: File): Promise<void> {
    const refusal = this.refusal(file);
    if (refusal) return this.refuse(refusal);
    const waiting: Upload = { name: file.name, id: null };
    this.files = [...this.files, waiting];
    this.changed();
    const form = new FormData();
    form.append("file", file);
    try {
      const { id } = (await request("POST", `sessions/${this.sessionId}/upload`, form)) as { id: string };
      this.files = this.files.map((other) => (other === waiting ? { name: file.name, id } : other));
      this.changed();
    } catch (error) {
      this.files = this.files.filter((other) => other !== waiting);
      this.refuse(`${file.name}: ${(error as Error).message}`);
    }
  }

  private refusal(file: File): string | null {
    if (this.files.length >= MOST_FILES) {
      return gettext("A message takes at most %(most)s files.", { most: MOST_FILES });
    }
    if (file.size <= this.maxBytes) return null;
    const values = { name: file.name, most: count(this.maxBytes / 1_048_576, 1) };
    return gettext("%(name)s is too large: a file has at most %(most)s MiB.", values);
  }

  private refuse(problem: string): void {
    if (!this.problem.includes(problem)) this.problem = `${this.problem} ${problem}`.trim();
    this.changed();
  }
}
