/** HTMX for what the server renders; without its inline styles and scripts, which the content policy forbids. */

import htmx from "htmx.org";

import { confirmed } from "../elements/confirm";

htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;
htmx.config.allowScriptTags = false;
htmx.config.selfRequestsOnly = true;

/** `hx-confirm` asks in the page's own dialog; the button that was pressed says what will be done. */
document.addEventListener("htmx:confirm", (event) => {
  const { question, triggeringEvent, issueRequest } = (event as CustomEvent<Confirmation>).detail;
  if (!question) return;
  event.preventDefault();
  const verb = triggeringEvent.submitter?.textContent?.trim() ?? "";
  void confirmed(question, verb).then((isSure) => {
    if (isSure) issueRequest(true);
  });
});

interface Confirmation {
  question: string | null;
  triggeringEvent: SubmitEvent;
  issueRequest(isConfirmed: boolean): void;
}
