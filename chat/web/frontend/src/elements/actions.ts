/** `<parley-actions>`: what can be done with a message, and which of its siblings is shown. */

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import type { IconName } from "../../icons";
import { copyText } from "../clipboard";
import { DISLIKE, giversOf, isGiven, LIKE } from "../conversation/reactions";
import { gettext } from "../i18n";
import type { MessageView } from "../protocol";
import { canSpeak, speak } from "../speech";

const COPIED_MS = 2_000;

export class ParleyActions extends LitElement {
  static override properties = {
    message: { attribute: false },
    siblings: { attribute: false },
    isMine: { attribute: false },
    userId: { attribute: false },
    canWrite: { attribute: false },
    isChoosing: { attribute: false },
    isCopied: { state: true },
    isOpen: { state: true },
  };

  message!: MessageView;
  siblings: readonly string[] = [];
  isMine = false;
  userId = "";
  canWrite = true;
  /** One of the offered reactions. */
  isChoosing = false;
  private isCopied = false;
  private isOpen = false;
  private endReading: (() => void) | null = null;

  override createRenderRoot(): this {
    return this;
  }

  override render(): TemplateResult {
    const isReply = this.message.role === "assistant";
    return html`
      ${this.switcher()}
      ${this.button(this.isCopied ? "check" : "copy", this.isCopied ? gettext("Copied") : gettext("Copy"), this.copy)}
      ${this.canWrite && this.isMine && !isReply ? this.tell("edit", gettext("Edit"), "parley-start-editing") : nothing}
      ${isReply ? this.forReplies() : nothing}
      ${this.more()}
      <span class="rare" ?data-open=${this.isOpen}>${this.rare(isReply)}</span>
    `;
  }

  /** Who has chosen goes on where they began. */
  protected override updated(changed: PropertyValues<this>): void {
    if (changed.get("isChoosing")) this.querySelector<HTMLElement>(".choose-reaction")?.focus();
  }

  /** What a narrow window shows only when it is asked for. */
  private rare(isReply: boolean): TemplateResult {
    return html`
      ${isReply && canSpeak() ? this.voice() : nothing}
      ${this.choosing()}
      ${isReply ? this.tell("info", gettext("Details"), "parley-show-measurements") : nothing}
      ${this.canWrite ? this.tell("quote", gettext("Quote"), "parley-quote") : nothing}
      ${this.canWrite ? this.tell("reply", gettext("Answer in a thread"), "parley-answer") : nothing}
      ${isReply || !this.isMine ? this.report() : nothing}
      ${this.canWrite ? this.tell("delete", gettext("Delete"), "parley-delete") : nothing}
    `;
  }

  private forReplies(): TemplateResult {
    return html`
      ${this.canWrite ? this.tell("regenerate", gettext("Try again"), "parley-retry") : nothing}
      ${this.reaction("like", gettext("Good answer"), LIKE)} ${this.reaction("dislike", gettext("Bad answer"), DISLIKE)}
    `;
  }

  private more(): TemplateResult {
    return this.opener("more", gettext("More actions"), "show-rare", this.isOpen, this.toggle);
  }

  private choosing(): TemplateResult {
    const choose = () => this.announce("parley-choose-reaction", this.message.id);
    return this.opener("react", gettext("React"), "choose-reaction", this.isChoosing, choose);
  }

  private opener(
    name: IconName,
    label: string,
    kind: string,
    isOpen: boolean,
    action: () => void,
  ): TemplateResult {
    return html`<button
      type="button"
      class="icon ${kind}"
      data-icon=${name}
      title=${label}
      aria-label=${label}
      aria-expanded=${isOpen}
      @click=${action}
    ></button>`;
  }

  private voice(): TemplateResult {
    const isReading = this.endReading !== null;
    return this.button(
      isReading ? "quiet" : "read",
      isReading ? gettext("Quiet") : gettext("Read aloud"),
      this.read,
    );
  }

  private report(): TemplateResult {
    const label = gettext("Report");
    const page = `/messages/${this.message.id}/report/`;
    return html`<a class="icon" data-icon="report" href=${page} title=${label} aria-label=${label}></a>`;
  }

  private switcher(): TemplateResult | typeof nothing {
    const { siblings } = this;
    if (siblings.length < 2) return nothing;
    const at = siblings.indexOf(this.message.id);
    const values = { place: at + 1, count: siblings.length };
    return html`
      <span class="switcher">
        ${this.step("previous", gettext("Previous version"), siblings[at - 1])}
        <span aria-label=${gettext("Version %(place)s of %(count)s", values)}>${at + 1}/${siblings.length}</span>
        ${this.step("next", gettext("Next version"), siblings[at + 1])}
      </span>
    `;
  }

  private step(name: IconName, label: string, sibling: string | undefined): TemplateResult {
    const go = () => this.announce("parley-show-version", sibling);
    return this.button(name, label, go, sibling === undefined);
  }

  private reaction(name: IconName, label: string, emoji: string): TemplateResult {
    const { message, userId } = this;
    const isMine = isGiven(message, emoji, userId);
    const act = () => this.announce("parley-react", message.id, emoji);
    const count = message.reacted_by[emoji]?.length ?? 0;
    const said = count > 0 ? `${label}: ${giversOf(message, emoji, userId)}` : label;
    return html`${this.button(name, said, act, false, isMine)}${count > (isMine ? 1 : 0) ? html`<span class="count">${count}</span>` : nothing}`;
  }

  private tell(name: IconName, label: string, event: string): TemplateResult {
    return this.button(name, label, () => this.announce(event, this.message.id));
  }

  private button(
    name: IconName,
    label: string,
    action: () => void,
    isOff = false,
    isPressed?: boolean,
  ): TemplateResult {
    return html`<button
      type="button"
      class="icon"
      data-icon=${name}
      title=${label}
      aria-label=${label}
      aria-pressed=${isPressed ?? nothing}
      ?disabled=${isOff}
      @click=${action}
    ></button>`;
  }

  private announce(event: string, messageId: string | undefined, emoji?: string): void {
    this.dispatchEvent(new CustomEvent(event, { bubbles: true, detail: { messageId, emoji } }));
  }

  private readonly copy = async (): Promise<void> => {
    this.isCopied = await copyText(this.message.content);
    setTimeout(() => {
      this.isCopied = false;
    }, COPIED_MS);
  };

  /** What is read is what is shown, without its markup. */
  private readonly read = (): void => {
    if (this.endReading) {
      this.endReading();
      return;
    }
    const shown = this.closest("article")?.querySelector(".prose")?.textContent ?? this.message.content;
    this.endReading = speak(shown.trim(), () => {
      this.endReading = null;
      this.requestUpdate();
    });
    this.requestUpdate();
  };

  private readonly toggle = (): void => {
    this.isOpen = !this.isOpen;
  };
}

customElements.define("parley-actions", ParleyActions);
