/** One line through the tree of messages: which are shown, and what stands beside each. Pure. */

import type { MessageView } from "../protocol";

export interface Place {
  readonly message: MessageView;
  /** The ids of all messages with the same parent, oldest first; this one's is among them. */
  readonly siblings: readonly string[];
}

/**
 * The line that passes through the message `anchor` and follows the newest message from there on; without
 * an anchor, or one that is not there, the line that ends at the newest message. `messages` is in order of
 * time, and may begin in the middle of a session.
 */
export function lineThrough(messages: readonly MessageView[], anchor: string | null): Place[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const children = groupByParent(messages);
  const places: Place[] = [];
  let current = tip(byId.get(anchor ?? "") ?? messages.at(-1), children);
  while (current) {
    const siblings = (children.get(current.parent_id) ?? []).map((sibling) => sibling.id);
    places.push({ message: current, siblings });
    current = byId.get(current.parent_id ?? "");
  }
  return places.reverse();
}

type Children = ReadonlyMap<string | null, MessageView[]>;

function tip(from: MessageView | undefined, children: Children): MessageView | undefined {
  let current = from;
  for (;;) {
    const next: MessageView | undefined = current && children.get(current.id)?.at(-1);
    if (!next) return current;
    current = next;
  }
}

function groupByParent(messages: readonly MessageView[]): Children {
  const groups = new Map<string | null, MessageView[]>();
  for (const message of messages) {
    const group = groups.get(message.parent_id);
    if (group) group.push(message);
    else groups.set(message.parent_id, [message]);
  }
  return groups;
}
