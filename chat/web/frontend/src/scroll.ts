/** Keeps a growing pane at its end until the reader scrolls up; scrolling back down takes hold again. */

const NEAR_PX = 48;

export class ScrollFollower {
  isFollowing = true;
  private readonly pane: HTMLElement;
  private lastTop = 0;

  constructor(pane: HTMLElement, content: Element) {
    this.pane = pane;
    new ResizeObserver(() => this.settle()).observe(content);
    pane.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  toEnd(): void {
    this.isFollowing = true;
    this.pane.scrollTop = this.pane.scrollHeight;
    this.lastTop = this.pane.scrollTop;
  }

  /** Brings an element into the middle and stays there. */
  show(element: Element): void {
    this.isFollowing = false;
    element.setAttribute("data-shown", "");
    element.scrollIntoView({ block: "center" });
    this.lastTop = this.pane.scrollTop;
  }

  private settle(): void {
    if (this.isFollowing) this.toEnd();
  }

  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.pane;
    // Only a move upwards is the reader's: growth also leaves the end, but never moves the top.
    if (scrollTop < this.lastTop) this.isFollowing = false;
    if (scrollHeight - clientHeight - scrollTop < NEAR_PX) this.isFollowing = true;
    this.lastTop = scrollTop;
  }
}
