/** Who else is here, in words. Pure. */

import { gettext } from "../i18n";
import type { ChatState } from "./state";

/** Who types, or else who is there; empty when nobody is. */
export function company(state: ChatState): string {
  const typing = Object.values(state.typing);
  if (typing.length === 1) return gettext("%(name)s is typing…", { name: typing[0] ?? "" });
  if (typing.length > 1) return gettext("%(names)s are typing…", { names: typing.join(", ") });
  const people = Object.values(state.people);
  return people.length > 0 ? gettext("Also here: %(names)s", { names: people.join(", ") }) : "";
}
