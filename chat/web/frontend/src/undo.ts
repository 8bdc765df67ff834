/** What was deleted a moment ago, and taking it back; also on the page that comes next. */

import { request } from "./api";
import "./elements/toast";
import type { ParleyToast } from "./elements/toast";
import { gettext } from "./i18n";
import { recall, remember } from "./memory";

export interface Deletion {
  deletion_id: string | null;
  undo_until: string | null;
}

const KEY = "parley-deletion";

/** Offers to take a deletion back while the server would. */
export function offerUndo({ deletion_id, undo_until }: Deletion): void {
  if (!deletion_id || !undo_until) return;
  remember(KEY, JSON.stringify({ deletion_id, undo_until }));
  toast().show(gettext("Deleted."), gettext("Undo"), Date.parse(undo_until), () => undo(deletion_id));
}

/** Hears what the lists of the page delete, and offers again what the last page did. */
export function listenForDeletions(root: Document): void {
  root.addEventListener("parley-deleted", (event) => offerUndo((event as CustomEvent<Deletion>).detail));
  const last = recall(KEY);
  if (!last) return;
  const deletion = JSON.parse(last) as Deletion;
  if (Date.parse(deletion.undo_until ?? "") > Date.now()) offerUndo(deletion);
  else remember(KEY, "");
}

async function undo(deletionId: string): Promise<void> {
  remember(KEY, "");
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
