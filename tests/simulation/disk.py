"""The disk of one simulated machine: what a kill leaves of it, and what a loss of power may leave.

A simulated process dies by an exception, and Python then runs what a killed process would not: `finally`
and `except`. So the disk is looked at in the moment of death, and put back to that when it has ended.

A loss of power keeps what was flushed. Of every name and file that was not, the old or the new one stands
(a rename happened or it did not; nothing is half in two places). SQLite flushes by itself what it commits:
its files are kept as they stood, but for a write-ahead log whose writer did not wait for the disk: of that,
what came after the last commit that did wait may be gone.
"""

from __future__ import annotations

import os
import random
import stat
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["Disk", "Node"]

_DATABASES = ("ledger.db", "queue.db", "moved.db", "pace.db")
_LOG = "queue.db-wal"
"""The one database whose users do not all wait for the disk."""


@dataclass(frozen=True)
class Node:
    """A file or a folder as it stood; a folder has no data."""

    mode: int
    inode: int
    data: bytes | None

    @property
    def folder(self) -> bool:
        return self.data is None


Tree = dict[str, Node]


class Disk:
    """Everything below one root."""

    def __init__(self, root: Path) -> None:
        """Take what stands there now as flushed."""
        self.root = root
        self._data: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._seen: dict[int, Node] = {}
        self._waited: dict[int, int] = {}
        self.take_as_flushed()

    def take_as_flushed(self) -> None:
        """Take what stands there now as flushed."""
        tree = self.look()
        self._data = {node.inode: node.data for node in tree.values() if node.data is not None}
        self._names = {node.inode: {} for node in tree.values() if node.folder}
        self._seen = {node.inode: node for node in tree.values()}
        self._waited = {}
        self.waited()
        for path, node in tree.items():
            if path:
                self._names[tree[_above(path)].inode][path.rpartition("/")[2]] = node.inode

    def flushed(self, descriptor: int) -> None:
        """Note that a file or folder was flushed now."""
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            names: dict[str, int] = {}
            for entry in os.scandir(descriptor):
                status = entry.stat(follow_symlinks=False)
                names[entry.name] = status.st_ino
                if status.st_ino not in self._seen:
                    empty = None if stat.S_ISDIR(status.st_mode) else b""
                    self._seen[status.st_ino] = Node(status.st_mode, status.st_ino, empty)
            self._names[found.st_ino] = names
            return
        data = Path(f"/proc/self/fd/{descriptor}").read_bytes()
        self._data[found.st_ino] = data
        self._seen[found.st_ino] = Node(found.st_mode, found.st_ino, data)

    def look(self) -> Tree:
        """Return everything that stands there."""
        found = os.lstat(self.root)
        tree: Tree = {"": Node(found.st_mode, found.st_ino, None)}
        folders = [("", str(self.root))]
        for inside, folder in folders:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found, data, name = entry.stat(follow_symlinks=False), None, _below(inside, entry.name)
                    if stat.S_ISDIR(found.st_mode):
                        folders.append((name, entry.path))
                    else:
                        with Path(entry.path).open("rb", buffering=0) as file:
                            data = file.read()
                    tree[name] = Node(found.st_mode, found.st_ino, data)
        return tree

    def put_back(self, wanted: Tree) -> None:
        """Make everything as it was; what did not change keeps its inode, and so its locks."""
        tree = self.look()
        for path in sorted(tree.keys() - wanted.keys(), reverse=True):
            target = self.root / path
            target.rmdir() if tree[path].folder else target.unlink()
        for path in sorted(wanted):
            target, node, now = self.root / path, wanted[path], tree.get(path)
            if now is not None and (now.mode, now.data) == (node.mode, node.data):
                continue
            if node.data is None:
                target.mkdir(exist_ok=True)
            else:
                if now is not None:
                    target.chmod(0o600)
                target.write_bytes(node.data)
            target.chmod(stat.S_IMODE(node.mode))

    def after_power_loss(self, stood: Tree, draw: random.Random) -> Tree:
        """Return what may be left of what stood there."""
        return _Loss(self, stood, draw).left

    def flushed_names(self, folder: Node) -> dict[str, int]:
        """Return the names in a folder and their inodes, as they were flushed last."""
        return self._names.get(folder.inode, {})

    def flushed_data(self, file: Node) -> bytes | None:
        """Return what a file held when it was flushed last; None if it never was."""
        return self._data.get(file.inode)

    def waited(self) -> None:
        """Note that a commit to a write-ahead log waited for the disk: what it holds now stays."""
        for path, node in self.look().items():
            if path.endswith(f"/{_LOG}") and node.data is not None:
                self._waited[node.inode] = len(node.data)

    def waited_for(self, log: Node) -> int:
        """Return how much of a log is safe."""
        return self._waited.get(log.inode, 0)

    def seen(self, inode: int) -> Node | None:
        """Return what was known last of an inode, also of one whose name is gone."""
        return self._seen.get(inode)


class _Loss:
    """One loss of power: goes down the folders, and decides of each name and each file what is left."""

    def __init__(self, disk: Disk, stood: Tree, draw: random.Random) -> None:
        self._disk, self._stood, self._draw = disk, stood, draw
        self._inside: dict[str, list[str]] = {}
        for path in sorted(stood):
            if path:
                self._inside.setdefault(_above(path), []).append(path.rpartition("/")[2])
        self.left: Tree = {"": stood[""]}
        self._placed: set[int] = set()
        self._old: list[tuple[str, int, bool]] = []
        self._fill("", stood[""], "")
        self._bring_back()

    def _fill(self, path: str, node: Node, now: str | None) -> None:
        """Fill a folder that is left at `path` and that stood at `now`; None: it stood there no more."""
        new = (
            {name: self._stood[_below(now, name)] for name in self._inside.get(now, [])}
            if now is not None
            else {}
        )
        old = self._disk.flushed_names(node)
        for name in sorted(new.keys() | old.keys()):
            fresh = new.get(name)
            if fresh is not None and self._kept(fresh, name, old):
                self._place(_below(path, name), fresh, _below(now, name))
            elif name in old and not name.startswith(_DATABASES):
                # A file that was renamed over another one: if that did not happen, the other one stands.
                self._old.append((_below(path, name), old[name], fresh is not None))

    def _kept(self, fresh: Node, name: str, old: dict[str, int]) -> bool:
        return fresh.inode == old.get(name) or name.startswith(_DATABASES) or self._draw.random() < 0.5

    def _place(self, at: str, node: Node, now: str | None) -> None:
        self._placed.add(node.inode)
        self.left[at] = node
        if node.data is None:
            self._fill(at, node, now)
            return
        name, flushed = at.rpartition("/")[2], self._disk.flushed_data(node)
        if name == _LOG:
            safe = self._disk.waited_for(node)
            self.left[at] = replace(node, data=node.data[: self._draw.randint(safe, len(node.data))])
            return
        if name.startswith(_DATABASES) or flushed == node.data:
            return
        never = [node.data, node.data[: len(node.data) // 2], b""]
        choices = never if flushed is None else [node.data, flushed]
        self.left[at] = replace(node, data=self._draw.choice(choices))

    def _bring_back(self) -> None:
        """Old names whose removal or renaming was not flushed, and did not happen."""
        where = {node.inode: path for path, node in self._stood.items()}
        while self._old:
            at, inode, replaced = self._old.pop(0)
            node = self._disk.seen(inode)
            removed = not replaced and inode not in where and self._draw.random() < 0.5
            # What was placed already was renamed, and the renaming happened.
            if node is not None and inode not in self._placed and not removed and _above(at) in self.left:
                self._place(at, node, where.get(inode))


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _below(folder: str | None, name: str) -> str:
    return f"{folder}/{name}" if folder else name
