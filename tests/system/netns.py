"""Machines on this machine: a network namespace for each, a wire between every two, and ways to cut a wire.

Invariants:
1. Each namespace has one address of its own, and reaches the others over the wire to each alone: there is no
   other route, and nothing is forwarded.
2. A wire is cut in two ways. Where it *refuses*, both ends are down: who begins to talk is told at once.
   Where it *swallows*, every frame goes to an address that nobody has: nobody is told anything.
3. Names begin with `PREFIX` and the id of the process that made them. `sweep` removes those of processes that
   are gone, with whatever still runs in them, so nothing outlives a run that was killed.

Example:
    >>> with network(("cloud", "edge")) as net:
    ...     net.cut("cloud", "edge", "swallow")
    ...     net.heal("cloud", "edge")
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeVar

PREFIX = "isthmus-"
MOUNTED = Path("/run/netns")
Kind = Literal["refuse", "swallow"]
KINDS: tuple[Kind, ...] = ("refuse", "swallow")
_NOBODY = "02:00:00:00:ff:ff"
_CLONE_NEWNET = 0x40000000
_GRACE_S = 5.0
Made = TypeVar("Made")


def why_not() -> str:
    """Return why no machines can be made here; empty where they can."""
    tools = ("ip", "nsenter")
    if os.geteuid() != 0 or any(shutil.which(tool) is None for tool in tools):
        return "only root, with iproute2, can make network namespaces"
    probe = f"{PREFIX}{os.getpid()}-probe"
    wire = ("link", "add", "to-a", "netns", probe, "type", "veth", "peer", "name", "to-b", "netns", probe)
    made = _tried("netns", "add", probe) and _tried(*wire)
    _tried("netns", "del", probe)
    return "" if made else "no network namespaces with wires between them may be made here"


def _tried(*words: str) -> bool:
    return subprocess.run(["ip", *words], check=False, capture_output=True, timeout=20).returncode == 0


def _batch(space: str, *lines: str) -> None:
    """Have one `ip` do several things in a namespace."""
    done = subprocess.run(
        ["ip", "-n", space, "-batch", "-"],
        input="\n".join(lines) + "\n", text=True, capture_output=True, check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0, f"{space}: {done.stderr}"


@dataclass(frozen=True)
class Net:
    """Namespaces and the wires between them.

    Attributes:
        names: of the machines, in order.
        tag: what their namespaces' names begin with.
        state: how each wire is: whole, or how it is cut.
    """

    names: tuple[str, ...]
    tag: str
    state: dict[tuple[str, str], str] = field(default_factory=dict)

    def space(self, name: str) -> str:
        """Return the name of a machine's namespace."""
        return f"{self.tag}{name}"

    def address(self, name: str) -> str:
        """Return a machine's address."""
        return f"10.77.0.{self.names.index(name) + 1}"

    def under(self, name: str) -> tuple[str, ...]:
        """Return what a command must run under to run on a machine."""
        return ("nsenter", f"--net={MOUNTED / self.space(name)}")

    def wires(self) -> list[tuple[str, str]]:
        """Return all wires."""
        return list(combinations(self.names, 2))

    def _mac(self, name: str, peer: str) -> str:
        return f"02:00:00:00:{self.names.index(name):02x}:{self.names.index(peer):02x}"

    def make(self) -> None:
        """Make everything; every wire is whole."""
        for name in self.names:
            subprocess.run(["ip", "netns", "add", self.space(name)], check=True, timeout=20)
            _batch(self.space(name), "link set lo up", f"addr add {self.address(name)}/32 dev lo")
        for one, other in self.wires():
            ends = [
                f"{word} to-{peer} netns {self.space(name)} address {self._mac(name, peer)}"
                for word, name, peer in (("name", one, other), ("name", other, one))
            ]
            command = f"ip link add {ends[0]} type veth peer {ends[1]}"
            subprocess.run(command.split(), check=True, timeout=20)
            self.heal(one, other)

    def heal(self, one: str, other: str) -> None:
        """Make a wire whole."""
        for name, peer in ((one, other), (other, one)):
            there = self.address(peer)
            _batch(
                self.space(name),
                f"link set to-{peer} up",
                f"route replace {there}/32 dev to-{peer} src {self.address(name)}",
                f"neigh replace {there} lladdr {self._mac(peer, name)} dev to-{peer} nud permanent",
            )
        self.state[one, other] = "whole"

    def cut(self, one: str, other: str, kind: Kind) -> None:
        """Cut a wire that is whole."""
        for name, peer in ((one, other), (other, one)):
            nobody = f"neigh replace {self.address(peer)} lladdr {_NOBODY} dev to-{peer} nud permanent"
            _batch(self.space(name), nobody if kind == "swallow" else f"link set to-{peer} down")
        self.state[one, other] = kind

    def heal_all(self) -> None:
        """Make every wire whole that is not."""
        for wire in self.wires():
            if self.state[wire] != "whole":
                self.heal(*wire)


def listener(net: Net, wire: tuple[str, str]) -> socket.socket:
    """Return a packet socket at the first end of a wire: what goes in and out there passes once."""
    return inside(net.space(wire[0]), lambda: _bound(f"to-{wire[1]}"))


def _bound(device: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    opened.bind((device, 3))
    return opened


def inside(space: str, make: Callable[[], Made]) -> Made:
    """Return what a thread makes that is in a namespace; a socket stays in the one it was made in."""
    made: list[Made] = []

    def work() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        file = os.open(MOUNTED / space, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.setns(file, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(file)
        made.append(make())

    thread = threading.Thread(target=work, name=f"in-{space}")
    thread.start()
    thread.join()
    return made[0]


def _remove(space: str) -> list[int]:
    """End what runs in a namespace, and remove it with its wires; return the processes that were there."""
    told = subprocess.run(
        ["ip", "netns", "pids", space], check=False, capture_output=True, text=True, timeout=20
    )
    found = [int(word) for word in told.stdout.split()]
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _GRACE_S
        left = found
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while (
            left := [pid for pid in left if Path(f"/proc/{pid}").exists()]
        ) and time.monotonic() < deadline:
            time.sleep(0.05)
    _tried("netns", "del", space)
    return found


def sweep() -> None:
    """Remove what runs left behind whose process is gone."""
    for path in MOUNTED.glob(f"{PREFIX}*") if MOUNTED.is_dir() else ():
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            _remove(path.name)


@contextmanager
def network(names: tuple[str, ...]) -> Iterator[Net]:
    """Make machines, and take them away again.

    Raises:
        AssertionError: something still ran on one when they went.
    """
    sweep()
    net = Net(names, f"{PREFIX}{os.getpid()}-")
    left: dict[str, list[int]] = {}
    try:
        net.make()
        yield net
    finally:
        for name in names:
            if found := _remove(net.space(name)):
                left[name] = found
    assert not left, left
