/** A file that misses the place it was meant for must not open in the browser instead of the page. */

export function refuseStrayFiles(root: Document): void {
  for (const kind of ["dragover", "drop"] as const) root.addEventListener(kind, refuse);
}

function refuse(event: DragEvent): void {
  const isFile = event.dataTransfer?.types.includes("Files");
  const isTaken = event.defaultPrevented || event.target instanceof HTMLInputElement;
  if (!event.dataTransfer || !isFile || isTaken) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "none";
}
