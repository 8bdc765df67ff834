/** One rendering per animation frame, however many events arrive; a hidden page gets a few a second. */

const HIDDEN_MS = 200;

export class Frames {
  private isPending = false;
  private readonly draw: () => void;

  constructor(draw: () => void) {
    this.draw = draw;
  }

  request(): void {
    if (this.isPending) return;
    this.isPending = true;
    if (document.visibilityState === "hidden") setTimeout(this.run, HIDDEN_MS);
    else requestAnimationFrame(this.run);
  }

  private readonly run = (): void => {
    this.isPending = false;
    this.draw();
  };
}
