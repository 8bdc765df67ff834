"""How a long decode is broken off from another thread."""

from __future__ import annotations

import ctypes
from typing import Any


class Interruption:
    """`call` for it from any thread; a decode breaks off while that is not cleared, and `welcome`.

    llama.cpp asks before each operation of its graph. It asks libc's `strlen` whether a text of one byte is
    empty, and so never waits for Python's lock, which another thread may hold.
    """

    def __init__(self) -> None:
        self.welcome = False
        self._flag = ctypes.create_string_buffer(2)

    @property
    def is_due(self) -> bool:
        """Whether a decode has to end now."""
        return self.welcome and bool(self._flag.value)

    def call(self) -> None:
        """Let a decode end that runs now, or the next one."""
        self._flag.value = b"!"

    def clear(self) -> None:
        """Forget the call."""
        self._flag.value = b""

    def native(self, callback: Any) -> tuple[Any, ctypes.c_void_p]:
        """A C function of type `callback` that says whether there is a call, and what it is to be given."""
        strlen = ctypes.CDLL(None).strlen
        return ctypes.cast(strlen, callback), ctypes.cast(self._flag, ctypes.c_void_p)
