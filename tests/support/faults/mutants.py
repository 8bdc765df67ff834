"""`python -m tests.support.faults.mutants NAME ARGS…`: `manage.py ARGS` with one of the guarantees broken.

Each mutant is what a careless change might do. A schedule of faults that does not catch them proves nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import django
from django.core.management import execute_from_command_line


def attempt_check_removed() -> None:
    """Whoever runs a generation may write to it."""
    from chat.models import Generation, GenerationStatus
    from chat.services.generations import Progress, flushing

    def lock_any(updates: Sequence[Progress]) -> dict[UUID, bool]:
        ids = [update.generation_id for update in updates]
        rows = Generation.objects.select_for_update().filter(id__in=ids, status=GenerationStatus.RUNNING)
        return dict(rows.order_by("id").values_list("id", "cancel_requested"))

    flushing._lock_held = lock_any


def publish_before_commit() -> None:
    """Readers hear of a chunk a little sooner: before it is written down."""
    from chat.realtime.protocol.doorbells import Doorbell, generation_group
    from chat.realtime.protocol.events import DeltaEvent
    from chat.realtime.publisher import publish
    from workers.flusher import Flusher
    from workers.generation import GenerationRun

    flush = Flusher._flush

    def publish_and_flush(self: Flusher, runs: Sequence[GenerationRun], *, renews: bool = True) -> None:
        for run in runs:
            draft = run.draft()
            if draft.has_chunk:
                message_id = str(run._claimed.message_id)
                delta = DeltaEvent(
                    generation_id=str(run.id), message_id=message_id, seq=draft.seq, text=draft.text
                )
                publish(generation_group(run.id), Doorbell(events=[delta]))
        flush(self, runs, renews=renews)

    Flusher._flush = publish_and_flush  # type: ignore[method-assign]


def direct_claiming_off() -> None:
    """A worker takes what it is told of, and looks for nothing by itself."""
    from workers.claimer import Claimer

    Claimer._fill = lambda self: None  # type: ignore[method-assign]


def last_chunk_outside() -> None:
    """The end is committed first, and the last chunk in a transaction of its own."""
    from chat.services.generations import Flushed, Progress, flushing
    from workers import flusher

    def end_then_write(
        *, worker: str, updates: Sequence[Progress], renews: bool = True
    ) -> dict[UUID, Flushed]:
        ends = [update for update in updates if update.outcome is not None and update.has_chunk]
        bare = [replace(update, text="", token_ids=()) if update in ends else update for update in updates]
        flushed = flushing.flush_progress(worker=worker, updates=bare, renews=renews)
        flushing._write_chunks([update for update in ends if update.generation_id in flushed])
        return flushed

    flusher.flush_progress = end_then_write  # type: ignore[attr-defined]


def unchanged() -> None:
    """The product itself: the schedule must find nothing."""


MUTANTS: dict[str, Callable[[], None]] = {
    mutate.__name__: mutate
    for mutate in (
        unchanged,
        attempt_check_removed,
        publish_before_commit,
        direct_claiming_off,
        last_chunk_outside,
    )
}


def main(arguments: Sequence[str]) -> None:
    """Break it, then run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatproject.settings")
    django.setup()
    MUTANTS[arguments[0]]()
    execute_from_command_line(["manage.py", *arguments[1:]])


if __name__ == "__main__":
    main(sys.argv[1:])
