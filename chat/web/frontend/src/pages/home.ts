/** On the first page Enter sends, as it does in a chat. */
export function sendOnEnter(root: Document): void {
  const box = root.querySelector<HTMLTextAreaElement>("textarea[data-enter-sends]");
  box?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (box.value.trim() !== "") box.form?.requestSubmit();
  });
}
