"""Which heads were shown to which peer: what a trail must contain.

Invariants:
1. A head is written down here before a peer can see it.
2. Who changes a list has read it under the same lock (`changing`): of two processes that show heads to one
   peer at once, none forgets what the other showed.

Example:
    >>> with changing(folder.ledger):
    ...     write_shown(folder.ledger, "cloud", [*shown_to(folder.ledger, "cloud"), 7])
    >>> shown_to(folder.ledger, "cloud")
    [5, 7]
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError
from environments.locking import held
from environments.private import make_private, read_private, write_private
from environments.ref import check_name

__all__ = ["all_shown", "changing", "most_shown", "shown_to", "write_shown"]

_FOLDER = "shown"


def _path(folder: Path, peer: str) -> Path:
    return folder / _FOLDER / f"{check_name(peer, 'the peer')}.json"


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Hold the lists of a ledger: what is read in the block may be written in it.

    Raises:
        ConflictError: another process held them all the time that we were ready to wait.
    """
    with held(make_private(folder / _FOLDER) / ".lock", "the list of heads that were shown"):
        yield


def shown_to(folder: Path, peer: str) -> list[int]:
    """Return the sequences of the heads that `peer` may have seen and has not yet acknowledged.

    Raises:
        NotVerifiableError: their file is damaged.
    """
    try:
        return _read(_path(folder, peer))
    except FileNotFoundError:
        return []


def _read(path: Path) -> list[int]:
    try:
        found = json.loads(read_private(path))
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(type(number) is int for number in found):
        raise NotVerifiableError(f"{path}: not a list of the heads that were shown")
    return found


def write_shown(folder: Path, peer: str, sequences: Iterable[int]) -> None:
    """Write down which heads `peer` may have seen, durably."""
    make_private(folder / _FOLDER)
    write_private(_path(folder, peer), canonical(sorted(set(sequences))))


def all_shown(folder: Path) -> dict[str, list[int]]:
    """Return the heads shown, by peer."""
    found = sorted((folder / _FOLDER).glob("[!.]*.json"))
    return {path.stem: _read(path) for path in found}


def most_shown(folder: Path) -> int:
    """Return the highest sequence of which a head was shown to anybody; 0 if none was."""
    return max((number for shown in all_shown(folder).values() for number in shown), default=0)
