"""Two pipes and a clock: no read and no write outlasts the deadline, whatever stands at the other end."""

from __future__ import annotations

import os
import select
import time

__all__ = ["Ended", "Late", "Pipes"]


class Late(Exception):  # noqa: N818 - a turn of events between two modules, told to nobody
    """The deadline passed."""


class Ended(Exception):  # noqa: N818 - as above
    """The other end is closed."""


class Pipes:
    """The parent's ends.

    Attributes:
        deadline: of the monotonic clock, in seconds.
    """

    def __init__(self, outgoing: int, incoming: int, deadline: float) -> None:
        """Take the two descriptors, which stay their owner's to close."""
        self._outgoing, self._incoming = outgoing, incoming
        self.deadline = deadline
        for number in (outgoing, incoming):
            os.set_blocking(number, False)

    def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            Late: the deadline passed.
            Ended: nobody reads.
        """
        rest = memoryview(data)
        while rest:
            self._wait(self._outgoing, select.POLLOUT)
            try:
                rest = rest[os.write(self._outgoing, rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise Ended from None

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes.

        Raises:
            Late: the deadline passed.
            Ended: fewer came.
        """
        found = bytearray()
        while len(found) < size:
            self._wait(self._incoming, select.POLLIN)
            try:
                piece = os.read(self._incoming, size - len(found))
            except BlockingIOError:
                continue
            if not piece:
                raise Ended
            found += piece
        return bytes(found)

    def _wait(self, number: int, event: int) -> None:
        poll = select.poll()
        poll.register(number, event)
        left = self.deadline - time.monotonic()
        if left <= 0 or not poll.poll(max(1, int(left * 1000))):
            raise Late
