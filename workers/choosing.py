"""Which models a worker claims turns for: those in memory first, but nobody waits for ever for another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chat.services.generations import Head

PATIENCE_S = 10.0
"""So long a turn may wait for its model while turns for models in memory are there to be taken."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """Whether an offered model is in memory and could run one more turn, else how it would get there.

    It `fits` when what is free, or taken by idle models, is enough; else the `victims` have to become idle.
    """

    loaded: bool
    has_seat: bool = True
    fits: bool = True
    victims: frozenset[str] = frozenset()


def choose_models(rooms: Mapping[str, Room], heads: Mapping[str, Head]) -> list[str]:
    """The models to claim from now. `heads` is who waits longest, and most urgently, for each.

    Interactive turns never wait for batch ones. Among equals models in memory are preferred until somebody
    has waited `PATIENCE_S` for another; then that one gets the next free seat, and if there is no memory for
    it, the models that have to leave take nothing new until they are idle.
    """
    ready = [slug for slug, room in rooms.items() if room.loaded and room.has_seat]
    absent = [slug for slug, room in rooms.items() if not room.loaded and slug in heads]
    if not absent:
        return ready
    wanted = min(absent, key=lambda slug: (heads[slug].priority, -heads[slug].waited_s))
    head, room = heads[wanted], rooms[wanted]
    rivals = [heads[slug] for slug, other in rooms.items() if other.loaded and slug in heads]
    if any(rival.priority < head.priority for rival in rivals):
        return ready
    overdue = head.waited_s >= PATIENCE_S or any(rival.priority > head.priority for rival in rivals)
    if room.fits and (overdue or not rivals):
        return [wanted]
    if overdue:
        return [slug for slug in ready if slug not in room.victims]
    return ready
