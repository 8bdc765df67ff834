/** `/embed.js`: a button on somebody else's page, which opens a chat panel in a frame. Nothing is imported here. */

(() => {
  const script = document.currentScript as HTMLScriptElement | null;
  const panel = script?.dataset.panel;
  if (!script || !panel) return;
  const title = script.dataset.title ?? "Chat";
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.hidden = true;
  frame.allow = "microphone";
  Object.assign(frame.style, {
    position: "fixed",
    zIndex: "2147483647",
    insetInlineEnd: "1rem",
    insetBlockEnd: "5rem",
    width: "min(24rem, calc(100vw - 2rem))",
    height: "min(36rem, calc(100vh - 7rem))",
    border: "0",
    borderRadius: "1rem",
    boxShadow: "0 0.5rem 2rem rgb(0 0 0 / 25%)",
    colorScheme: "normal",
  });
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = title;
  button.setAttribute("aria-expanded", "false");
  Object.assign(button.style, {
    position: "fixed",
    zIndex: "2147483647",
    insetInlineEnd: "1rem",
    insetBlockEnd: "1rem",
    minHeight: "2.75rem",
    padding: "0.5rem 1.25rem",
    border: "0",
    borderRadius: "1.375rem",
    background: "#0f766e",
    color: "#ffffff",
    font: "600 1rem system-ui, sans-serif",
    cursor: "pointer",
  });
  button.addEventListener("click", () => {
    frame.hidden = !frame.hidden;
    button.setAttribute("aria-expanded", String(!frame.hidden));
    // Nobody is asked for a chat before somebody wants one.
    if (!frame.src) frame.src = new URL(`/embed/${panel}/`, script.src).href;
  });
  document.body.append(frame, button);
})();

export {};
