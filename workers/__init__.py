"""Where chat and engine meet: a hint tells of a row, a claim takes it, a flush writes what comes of it."""
