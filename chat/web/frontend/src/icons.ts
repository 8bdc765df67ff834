/** Lucide's icons, as SVG to put into a template. */

import {
  Bot,
  Check,
  ChevronLeft,
  ChevronRight,
  Cloud,
  Copy,
  CornerDownRight,
  Cpu,
  createElement,
  Ellipsis,
  Flag,
  type IconNode,
  Info,
  Mic,
  Paperclip,
  Pencil,
  Quote,
  RefreshCw,
  Share2,
  SlidersHorizontal,
  SmilePlus,
  ThumbsDown,
  ThumbsUp,
  Trash2,
  Users,
  Volume2,
  VolumeX,
  X,
} from "lucide";

const ICONS = {
  attach: Paperclip,
  check: Check,
  close: X,
  copy: Copy,
  delete: Trash2,
  dictate: Mic,
  dislike: ThumbsDown,
  edit: Pencil,
  info: Info,
  like: ThumbsUp,
  local: Cpu,
  model: Bot,
  more: Ellipsis,
  people: Users,
  quiet: VolumeX,
  quote: Quote,
  react: SmilePlus,
  read: Volume2,
  reply: CornerDownRight,
  settings: SlidersHorizontal,
  share: Share2,
  next: ChevronRight,
  previous: ChevronLeft,
  regenerate: RefreshCw,
  remote: Cloud,
  report: Flag,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

/** Draws the icons of what the server rendered. */
export function drawIcons(root: Document): void {
  for (const button of root.querySelectorAll<HTMLElement>("[data-icon]")) {
    if (isIcon(button.dataset.icon)) button.replaceChildren(icon(button.dataset.icon));
  }
}

function isIcon(name: string | undefined): name is IconName {
  return name !== undefined && name in ICONS;
}

/** A new drawing of an icon; what it means is said by its button's label. */
export function icon(name: IconName): SVGElement {
  return createElement(ICONS[name], { "aria-hidden": "true", width: 18, height: 18 });
}
