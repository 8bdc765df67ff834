/** Pages for readers: what the server wrote as plain text becomes Markdown, as safe as in a chat. */

import { copyCode } from "../clipboard";
import { onLoaded } from "../markdown/lazy";
import { renderBlocks } from "../markdown/markdown";

export function drawMarkdown(root: Document): void {
  const places = [...root.querySelectorAll<HTMLElement>("[data-markdown]")];
  if (places.length === 0) return;
  const texts = places.map((place) => place.textContent ?? "");
  const draw = (): void => {
    places.forEach((place, number) => {
      place.innerHTML = renderBlocks(texts[number] ?? "").join("");
    });
  };
  draw();
  onLoaded(draw);
  root.addEventListener("click", copyCode);
}
