"""What passes over loopback or wires while a story runs: one file for each direction of a connection.

Invariants:
1. Every TCP segment is seen once (each passes the loopback twice), and its bytes are written in their order.
2. What the kernel dropped because nobody read in time is counted: a capture with drops proves nothing, and
   whoever asks is told.
3. It needs the right to open a packet socket; without it, `PermissionError`.
"""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

_ALL_PROTOCOLS, _IPV4, _IPV6, _TCP = 0x0003, 0x0800, 0x86DD, 6
_OUTGOING = 4
_SOL_PACKET, _PACKET_STATISTICS, _SO_RCVBUFFORCE = 263, 6, 33
_BUFFER = 256 * 1024 * 1024
_LARGEST = 1 << 18
_LOOK_S = 0.2


@dataclass
class Capture:
    """What was seen.

    Attributes:
        folder: holds one file for each direction of each connection, named by its ports.
        segments: how many were written.
        bytes: how many bytes of payload.
        dropped: how many packets the kernel dropped.
    """

    folder: Path
    segments: int = 0
    bytes: int = 0
    dropped: int = 0
    _next: dict[tuple[bytes, int, int], int] = field(default_factory=dict)

    def take(self, kind: int, packet: bytes) -> None:
        """Write one packet's payload behind what its connection has said so far."""
        found = _segment(kind, packet)
        if found is None:
            return
        ends, source, destination, sequence, payload = found
        key = (ends, source, destination)
        wanted = self._next.get(key, sequence)
        again = (wanted - sequence) % 2**32
        if again and again < 2**31:
            payload = payload[again:]  # sent a second time
        if not payload:
            return
        self._next[key] = (sequence + again % 2**31 + len(payload)) % 2**32
        with (self.folder / f"{ends.hex()}-{source}-{destination}").open("ab") as file:
            file.write(payload)
        self.segments += 1
        self.bytes += len(payload)


def _segment(kind: int, packet: bytes) -> tuple[bytes, int, int, int, bytes] | None:
    """Return both addresses, both ports, the sequence number and the payload of a TCP segment."""
    if kind == _IPV4 and packet[9] == _TCP:
        length = (packet[0] & 15) * 4
        ends, whole = packet[12:20], struct.unpack_from(">H", packet, 2)[0] or len(packet)
        body = packet[length:whole]
    elif kind == _IPV6 and packet[6] == _TCP:
        ends, body = packet[8:40], packet[40 : 40 + struct.unpack_from(">H", packet, 4)[0]]
    else:
        return None
    source, destination, sequence = struct.unpack_from(">HHI", body)
    return ends, source, destination, sequence, body[(body[12] >> 4) * 4 :]


@contextmanager
def captured(folder: Path, wires: Sequence[socket.socket] = ()) -> Iterator[Capture]:
    """Capture until the block ends: the loopback, or what bound packet sockets see at one end of a wire each.

    Raises:
        PermissionError: this process may not.
    """
    folder.mkdir(parents=True)
    seen, over = Capture(folder), threading.Event()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        listeners = [stack.enter_context(each) for each in wires or (_loopback(),)]
        for each in listeners:
            each.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER // len(listeners))
            each.setblocking(False)
            selector.register(each, selectors.EVENT_READ)

        def listen() -> None:
            while True:
                last = over.is_set()  # asked first: what waits by then is still read
                ready = selector.select(_LOOK_S)
                if last and not ready:
                    return
                for key, _ in ready:
                    try:
                        packet, address = cast("socket.socket", key.fileobj).recvfrom(_LARGEST)
                    except OSError as error:
                        if error.errno not in (
                            errno.EAGAIN,
                            errno.ENETDOWN,
                        ):  # a wire that is cut says so once
                            raise
                        continue
                    # The loopback shows each packet twice: as it goes, and as it comes.
                    if wires or address[2] != _OUTGOING:
                        seen.take(address[1], packet)

        thread = threading.Thread(target=listen, name="capture")
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()
            for each in listeners:
                _, dropped = struct.unpack("II", each.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
                seen.dropped += dropped


def _loopback() -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
    try:
        opened.bind(("lo", _ALL_PROTOCOLS))
    except OSError:
        opened.close()
        raise
    return opened
