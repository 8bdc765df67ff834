/** Lucide's icons, as SVG to put into a template. */

import {
  Check,
  ChevronLeft,
  ChevronRight,
  Copy,
  CornerDownRight,
  createElement,
  Ellipsis,
  Flag,
  type IconNode,
  Info,
  Paperclip,
  Pencil,
  Quote,
  RefreshCw,
  Share2,
  SlidersHorizontal,
  ThumbsDown,
  ThumbsUp,
  Trash2,
  Users,
  X,
} from "lucide";

const ICONS = {
  attach: Paperclip,
  check: Check,
  close: X,
  copy: Copy,
  delete: Trash2,
  dislike: ThumbsDown,
  edit: Pencil,
  info: Info,
  like: ThumbsUp,
  more: Ellipsis,
  people: Users,
  quote: Quote,
  reply: CornerDownRight,
  settings: SlidersHorizontal,
  share: Share2,
  next: ChevronRight,
  previous: ChevronLeft,
  regenerate: RefreshCw,
  report: Flag,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

export function isIcon(name: string | undefined): name is IconName {
  return name !== undefined && name in ICONS;
}

/** A new drawing of an icon; what it means is said by its button's label. */
export function icon(name: IconName): SVGElement {
  return createElement(ICONS[name], { "aria-hidden": "true", width: 18, height: 18 });
}
