/** Lucide's icons as masks: whatever says `data-icon="copy"` shows it, and no element is needed for it. */

import {
  Bot,
  Check,
  ChevronLeft,
  ChevronRight,
  Cloud,
  Copy,
  CornerDownRight,
  Cpu,
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
import type { Plugin } from "vite";

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
const STYLES = "virtual:icons.css";
const PEN = {
  xmlns: "http://www.w3.org/2000/svg",
  viewBox: "0 0 24 24",
  fill: "none",
  stroke: "black",
  "stroke-width": 2,
  "stroke-linecap": "round",
  "stroke-linejoin": "round",
};

export type IconName = keyof typeof ICONS;

/** Serves `virtual:icons.css`. */
export function icons(): Plugin {
  return {
    name: "icons",
    resolveId: (id) => (id === STYLES ? id : null),
    load: (id) => (id === STYLES ? iconStyles() : null),
  };
}

/** A rule for each icon. */
export function iconStyles(): string {
  const rules = Object.entries(ICONS).map(([name, node]) => {
    const shapes = node.map(([tag, attributes]) => element(tag, attributes)).join("");
    const drawing = encodeURIComponent(element("svg", PEN, shapes));
    return `[data-icon="${name}"]::before { mask-image: url("data:image/svg+xml,${drawing}"); }`;
  });
  return rules.join("\n");
}

function element(tag: string, attributes: object, content = ""): string {
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`);
  return `<${tag}${written.join("")}>${content}</${tag}>`;
}
