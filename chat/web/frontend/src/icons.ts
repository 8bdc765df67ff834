/** Lucide's icons, as SVG to put into a template. */

import {
  Check,
  ChevronLeft,
  ChevronRight,
  Copy,
  createElement,
  Flag,
  type IconNode,
  Info,
  Pencil,
  RefreshCw,
  ThumbsDown,
  ThumbsUp,
  Trash2,
} from "lucide";

const ICONS = {
  check: Check,
  copy: Copy,
  delete: Trash2,
  dislike: ThumbsDown,
  edit: Pencil,
  info: Info,
  like: ThumbsUp,
  next: ChevronRight,
  previous: ChevronLeft,
  regenerate: RefreshCw,
  report: Flag,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

/** A new drawing of an icon; what it means is said by its button's label. */
export function icon(name: IconName): SVGElement {
  return createElement(ICONS[name], { "aria-hidden": "true", width: 18, height: 18 });
}
