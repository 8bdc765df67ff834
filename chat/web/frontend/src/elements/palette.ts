/** `<parley-palette>`: everything the page can do and every chat, found by typing; and the list of shortcuts. */

import { html, LitElement, nothing, type TemplateResult } from "lit";

import { request } from "../api";
import { gettext } from "../i18n";
import { HELP_KEYS, nameOf, PALETTE_KEYS, perform } from "../pages/commands";

const PAUSE_MS = 150;
const MOST_CHATS = 8;

interface Choice {
  readonly name: string;
  readonly keys: string;
  run(): void;
}

interface Sessions {
  sessions: { id: string; title: string }[];
}

export class ParleyPalette extends LitElement {
  private words = "";
  private at = 0;
  private chats: Choice[] = [];
  private isHelp = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override createRenderRoot(): this {
    return this;
  }

  /** Opens it, empty. */
  async show(): Promise<void> {
    this.words = "";
    this.chats = [];
    await this.open(false);
    const box = this.querySelector("input");
    if (box) box.value = "";
    box?.focus();
    void this.findChats();
  }

  /** Opens the list of shortcuts. */
  async showHelp(): Promise<void> {
    await this.open(true);
  }

  override render(): TemplateResult {
    return html`
      <dialog class="palette floating" aria-label=${this.isHelp ? gettext("Keyboard shortcuts") : gettext("Commands")}>
        ${this.isHelp ? this.help() : this.finder()}
      </dialog>
    `;
  }

  private async open(isHelp: boolean): Promise<void> {
    this.isHelp = isHelp;
    this.at = 0;
    this.requestUpdate();
    await this.updateComplete;
    const dialog = this.querySelector("dialog");
    if (!dialog?.open) dialog?.showModal();
  }

  private finder(): TemplateResult {
    const choices = this.choices();
    return html`
      <input
        type="text"
        role="combobox"
        aria-label=${gettext("Command or chat")}
        placeholder=${gettext("Command or chat")}
        aria-expanded="true"
        aria-autocomplete="list"
        aria-controls="palette-choices"
        aria-activedescendant=${choices.length > 0 ? `palette-${this.at}` : nothing}
        autocomplete="off"
        @input=${this.typed}
        @keydown=${this.pressed}
      />
      <ul id="palette-choices" role="listbox" aria-label=${gettext("Commands")}>
        ${choices.map(
          (choice, place) => html`
            <li
              id="palette-${place}"
              role="option"
              aria-selected=${place === this.at ? "true" : "false"}
              @click=${() => this.choose(choice)}
            >
              <span>${choice.name}</span>${keyCaps(choice.keys)}
            </li>
          `,
        )}
      </ul>
      ${choices.length === 0 ? html`<p class="none" role="status">${gettext("Nothing found.")}</p>` : nothing}
    `;
  }

  private help(): TemplateResult {
    const rows = [
      { name: gettext("Commands and chats"), keys: PALETTE_KEYS },
      { name: gettext("Keyboard shortcuts"), keys: HELP_KEYS },
      ...[...document.querySelectorAll<HTMLElement>("[data-shortcut]")].map((element) => ({
        name: nameOf(element),
        keys: element.dataset.shortcut ?? "",
      })),
      { name: gettext("Send the message"), keys: "enter" },
      { name: gettext("New line in the message"), keys: "shift+enter" },
    ];
    return html`
      <h2>${gettext("Keyboard shortcuts")}</h2>
      <dl>${rows.map(({ name, keys }) => html`<div><dt>${name}</dt><dd>${keyCaps(keys)}</dd></div>`)}</dl>
      <form method="dialog"><button>${gettext("Close")}</button></form>
    `;
  }

  private choices(): Choice[] {
    const wanted = this.words.toLocaleLowerCase();
    const commands = [...pageCommands(), ...preferences()];
    return [...commands.filter(({ name }) => name.toLocaleLowerCase().includes(wanted)), ...this.chats];
  }

  private typed(event: Event): void {
    this.words = (event.target as HTMLInputElement).value.trim();
    this.at = 0;
    this.requestUpdate();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.findChats(), PAUSE_MS);
  }

  private pressed(event: KeyboardEvent): void {
    const choices = this.choices();
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step !== undefined && choices.length > 0) {
      event.preventDefault();
      this.at = (this.at + step + choices.length) % choices.length;
      this.requestUpdate();
      void this.updateComplete.then(() =>
        this.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }),
      );
    }
    const chosen = choices[this.at];
    if (event.key === "Enter" && !event.isComposing && chosen) {
      event.preventDefault();
      this.choose(chosen);
    }
  }

  private choose(choice: Choice): void {
    this.querySelector("dialog")?.close();
    choice.run();
  }

  private async findChats(): Promise<void> {
    const asked = this.words;
    const query = new URLSearchParams({ q: asked, page_size: String(MOST_CHATS) });
    const found = (await request("GET", `sessions?${query}`).catch(() => null)) as Sessions | null;
    // Somebody who types on wants the later answer.
    if (asked !== this.words) return;
    this.chats = (found?.sessions ?? []).map(({ id, title }) => ({
      name: title || gettext("Untitled chat"),
      keys: "",
      run: () => location.assign(`/chat/${id}/`),
    }));
    this.requestUpdate();
  }
}

function pageCommands(): Choice[] {
  return [...document.querySelectorAll<HTMLElement>("[data-command]")].map((element) => ({
    name: nameOf(element),
    keys: element.dataset.shortcut ?? "",
    run: () => perform(element),
  }));
}

/** One command for every colour and language that is not chosen. */
function preferences(): Choice[] {
  return [...document.querySelectorAll<HTMLSelectElement>("[data-preferences] select")].flatMap((select) => {
    const label = select.labels?.[0]?.textContent?.trim() ?? select.name;
    const others = [...select.options].filter((option) => !option.selected);
    return others.map((option) => ({
      name: `${label}: ${option.text}`,
      keys: "",
      run: () => {
        select.value = option.value;
        select.dispatchEvent(new Event("change", { bubbles: true }));
      },
    }));
  });
}

function keyCaps(keys: string): TemplateResult | typeof nothing {
  if (keys === "") return nothing;
  const isApple = /Mac|iP(hone|ad)/.test(navigator.platform);
  const names: Record<string, string> = {
    mod: isApple ? "⌘" : gettext("Ctrl"),
    shift: gettext("Shift"),
    alt: gettext("Alt"),
    enter: gettext("Enter"),
    escape: gettext("Esc"),
  };
  return html`<span class="keys">${keys.split("+").map((key) => html`<kbd>${names[key] ?? key.toUpperCase()}</kbd>`)}</span>`;
}

customElements.define("parley-palette", ParleyPalette);
