/** `<parley-people>`: who takes part; the owner invites by name and by link, changes roles and removes. */

import { html, nothing, type TemplateResult } from "lit";

import { avatar } from "../avatar";
import { copyText } from "../clipboard";
import type { Page } from "../conversation/page";
import { gettext } from "../i18n";
import { ParleyDialog } from "./dialog";

interface Person {
  user_id: string;
  username: string;
  role: "owner" | "member" | "viewer";
}

export class ParleyPeople extends ParleyDialog {
  page!: Page;
  /** Ids of those who are here now. */
  present: readonly string[] = [];
  private people: Person[] = [];
  private link = "";
  private isCopied = false;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  protected override heading(): string {
    return gettext("People");
  }

  protected override content(): TemplateResult {
    return html`
      <ul class="people-list">${this.people.map((person) => this.person(person))}</ul>
      ${this.page.role === "owner" ? this.inviting() : this.leaving()}
    `;
  }

  private person(person: Person): TemplateResult {
    const isHere = person.user_id === this.page.user_id || this.present.includes(person.user_id);
    const mayChange = this.page.role === "owner" && person.role !== "owner";
    return html`<li>
      ${avatar(person.username, person.user_id, this.page.user_id)}
      <span class="person">${person.username}
        ${isHere ? html`<span class="here">${gettext("here now")}</span>` : nothing}</span>
      ${mayChange ? this.changing(person) : html`<span class="role">${roleName(person.role)}</span>`}
    </li>`;
  }

  private changing(person: Person): TemplateResult {
    const change = (event: Event) =>
      this.add({ user_id: person.user_id, role: (event.target as HTMLSelectElement).value });
    const remove = () => this.expel(person);
    const values = { name: person.username };
    return html`
      <select aria-label=${gettext("Role of %(name)s", values)} @change=${change}>
        ${roleOptions(person.role)}
      </select>
      <button type="button" class="quiet" aria-label=${gettext("Remove %(name)s", values)} @click=${remove}>
        ${gettext("Remove")}
      </button>
    `;
  }

  private inviting(): TemplateResult {
    return html`
      <form class="stack" @submit=${this.invite}>
        <div class="field">
          <label for="invite-name">${gettext("Invite by user name")}</label>
          <input id="invite-name" name="username" required maxlength="150" autocomplete="off" />
        </div>
        <div class="field">
          <label for="invite-role">${gettext("They may")}</label>
          <select id="invite-role" name="role">${roleOptions("member")}</select>
        </div>
        <div class="row">
          <button type="submit" class="primary">${gettext("Invite")}</button>
          <button type="button" @click=${this.makeLink}>${gettext("Make a link instead")}</button>
        </div>
      </form>
      ${this.link ? this.showLink() : nothing}
    `;
  }

  private showLink(): TemplateResult {
    return html`
      <div class="field">
        <label for="invite-link">${gettext("One person may join with this link within a week.")}</label>
        <div class="row">
          <input id="invite-link" readonly .value=${this.link} />
          <button type="button" @click=${this.copy}>${this.isCopied ? gettext("Copied") : gettext("Copy")}</button>
        </div>
      </div>
    `;
  }

  private leaving(): TemplateResult {
    return html`<button type="button" class="danger" @click=${this.leave}>${gettext("Leave this chat")}</button>`;
  }

  private async load(): Promise<void> {
    const found = await this.ask<{ participants: Person[] }>("GET", this.path("participants"));
    this.people = found?.participants ?? this.people;
    this.requestUpdate();
  }

  private async add(body: Record<string, unknown>): Promise<boolean> {
    const added = await this.ask("POST", this.path("participants"), body);
    if (added) await this.load();
    return added !== null;
  }

  private async invite(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    if (await this.add(Object.fromEntries(new FormData(form)))) form.reset();
  }

  private async makeLink(): Promise<void> {
    const role = this.querySelector<HTMLSelectElement>("#invite-role")?.value;
    const made = await this.ask<{ token: string }>("POST", this.path("invitations"), { role });
    this.link = made ? `${location.origin}/chat/join/${made.token}/` : "";
    this.isCopied = false;
    this.requestUpdate();
  }

  private async copy(): Promise<void> {
    this.isCopied = await copyText(this.link);
    this.requestUpdate();
  }

  private async expel(person: Person): Promise<void> {
    if (await this.ask("DELETE", this.path(`participants/${person.user_id}`))) await this.load();
  }

  private async leave(): Promise<void> {
    if (await this.ask("DELETE", this.path(`participants/${this.page.user_id}`))) location.assign("/");
  }

  private path(rest: string): string {
    return `sessions/${this.page.session_id}/${rest}`;
  }
}

function roleOptions(chosen: string): TemplateResult[] {
  return (["member", "viewer"] as const).map(
    (role) => html`<option value=${role} ?selected=${role === chosen}>${roleName(role)}</option>`,
  );
}

function roleName(role: Person["role"]): string {
  if (role === "owner") return gettext("Owner");
  return role === "member" ? gettext("Read and write") : gettext("Read only");
}

customElements.define("parley-people", ParleyPeople);
