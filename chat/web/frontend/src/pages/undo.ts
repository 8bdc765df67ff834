/** What was deleted a moment ago, and taking it back; also on the page that comes next. */

import { request } from "../api";
import "../elements/toast";
import type { ParleyToast } from "../elements/toast";
import { gettext } from "../i18n";
import { recall, remember } from "../memory";

export interface Deletion {
  deletion_id: string | null;
  undo_seconds: number | null;
}

interface Offer {
  deletion_id: string;
  /** By this browser's clock. */
  until: number;
}

const KEY = "parley-deletion";

/** Offers to take a deletion back while the server would. */
export function offerUndo({ deletion_id, undo_seconds }: Deletion): void {
  if (deletion_id && undo_seconds) offer({ deletion_id, until: Date.now() + undo_seconds * 1_000 });
}

/** Hears what the lists of the page delete, and offers again what the last page did. */
export function listenForDeletions(root: Document): void {
  root.addEventListener("parley-deleted", (event) => offerUndo((event as CustomEvent<Deletion>).detail));
  const last = recall(KEY);
  if (!last) return;
  const made = JSON.parse(last) as Offer;
  if (made.until > Date.now()) offer(made);
  else forget();
}

function offer(made: Offer): void {
  remember(KEY, JSON.stringify(made));
  const left = made.until - Date.now();
  toast().show(gettext("Deleted."), gettext("Undo"), left, () => undo(made.deletion_id), forget);
}

function forget(): void {
  remember(KEY, "");
}

async function undo(deletionId: string): Promise<void> {
  try {
    const { session_id } = (await request("POST", `deletions/${deletionId}/undo`)) as { session_id: string };
    location.assign(`/chat/${session_id}/`);
  } catch (error) {
    toast().say((error as Error).message);
  }
}

function toast(): ParleyToast {
  const found = document.querySelector<ParleyToast>("parley-toast");
  return found ?? document.body.appendChild(document.createElement("parley-toast") as ParleyToast);
}
