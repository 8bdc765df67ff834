/** Keeps a growing pane at its end until the reader scrolls up; scrolling back down takes hold again. */

const NEAR_PX = 48;
/** Browsers round. */
const AT_END_PX = 1;
/** So early that what is further up is usually there before the reader is. */
const AHEAD_PX = 1_200;

export class ScrollFollower {
  isFollowing = true;
  private readonly pane: HTMLElement;
  private readonly nearTop: () => void;
  private lastTop = 0;

  /** `nearTop` is called, again and again, while the reader scrolls up towards the beginning. */
  constructor(pane: HTMLElement, content: Element, nearTop: () => void = () => undefined) {
    this.pane = pane;
    this.nearTop = nearTop;
    new ResizeObserver(() => this.settle()).observe(content);
    pane.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  toEnd(): void {
    this.isFollowing = true;
    this.pane.scrollTop = this.pane.scrollHeight;
    this.lastTop = this.pane.scrollTop;
  }

  /** Stays where it is, whatever grows: the reader is busy further up. */
  letGo(): void {
    this.isFollowing = false;
  }

  /** Brings an element into the middle and stays there. */
  show(element: Element): void {
    this.letGo();
    element.setAttribute("data-shown", "");
    element.scrollIntoView({ block: "center" });
    this.lastTop = this.pane.scrollTop;
  }

  /**
   * What the reader looks at stays where it is, whatever `draw` puts above it. It ends within the task that
   * it begins in: a reader who scrolls does so between tasks, and is heard of as one who scrolls up.
   */
  async keepingPlace(draw: () => Promise<void>): Promise<void> {
    const fromEnd = this.pane.scrollHeight - this.pane.scrollTop;
    await draw();
    this.pane.scrollTop = this.pane.scrollHeight - fromEnd;
    this.lastTop = this.pane.scrollTop;
  }

  private settle(): void {
    if (this.isFollowing) this.toEnd();
  }

  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.pane;
    const fromEnd = scrollHeight - clientHeight - scrollTop;
    // Growth leaves the end, but never moves the top; what shrinks moves it, but stays at the very end.
    const isUpwards = scrollTop < this.lastTop;
    if (isUpwards) this.isFollowing = fromEnd <= AT_END_PX;
    else if (fromEnd < NEAR_PX) this.isFollowing = true;
    this.lastTop = scrollTop;
    if (isUpwards && scrollTop < AHEAD_PX) this.nearTop();
  }
}
