/** A box in a table's head ticks all of the table's boxes, and shows whether all or some are ticked. */
export function chooseAll(root: Document): void {
  const head = root.querySelector<HTMLInputElement>("[data-choose]");
  const table = head?.closest("table");
  if (!head || !table) return;
  const boxes = [...table.querySelectorAll<HTMLInputElement>("tbody input[type=checkbox]")];
  const show = (): void => {
    const ticked = boxes.filter((box) => box.checked).length;
    head.checked = ticked === boxes.length;
    head.indeterminate = ticked > 0 && ticked < boxes.length;
  };
  table.addEventListener("change", (event) => {
    if (event.target === head) for (const box of boxes) box.checked = head.checked;
    show();
  });
  show();
}
