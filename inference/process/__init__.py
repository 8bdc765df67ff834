"""The engine in a process of its own: a native abort costs a resume, never the worker or a neighbour.

`EngineClient` is the whole interface. Behind it: `child` runs the engine, where `answering` makes prompts
and vectors on the `lanes` and `gathering` says in few frames what requests say; `framing` is what the two
processes say to each other, `spawn` holds one child, `ledger` remembers what live requests have said so that
they survive it, `calls` who waits for which answer, `health` knows when it hangs, and `supervisor` decides
about restarts.
"""

from inference.process.client import EngineClient

__all__ = ["EngineClient"]
