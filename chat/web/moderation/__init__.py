"""The moderators' pages: the queue of cases, the live view, conversations behind glass."""
