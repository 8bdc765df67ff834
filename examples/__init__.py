"""Programs that use Parley from outside; they import nothing of it."""
