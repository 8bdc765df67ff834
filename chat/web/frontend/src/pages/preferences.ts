/** Colours change at once and are remembered by the server; another language needs the page anew. */
export function changePreferencesAtOnce(root: Document): void {
  for (const form of root.querySelectorAll<HTMLFormElement>("form[data-preferences]")) {
    form.querySelector("button")?.setAttribute("hidden", "");
    form.addEventListener("change", (event) => {
      const select = event.target as HTMLSelectElement;
      if (select.name !== "theme") return form.requestSubmit();
      root.documentElement.dataset.theme = select.value;
      const body = new FormData(form);
      body.delete("language"); // which nobody has chosen
      void fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
    });
  }
}
