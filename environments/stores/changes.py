"""Which assets of a store on a disk changed, without reading them.

Invariants:
1. A version that comes or goes changes its asset's folder, and with it the folder's time. A set's versions
   come later, by a rename elsewhere: as long as a set is in the making, its members have changed just now.
2. What is only looked at (`stat`) is no word about what is there: whoever reads verifies.

Example:
    >>> changes(store_folder / "assets")
    {'covid_tests': (1764432000000000000, 131090)}
"""

from __future__ import annotations

import json
import os
import time
from operator import itemgetter
from pathlib import Path

from data_contracts.errors import UnreachableError

__all__ = ["changes"]


def changes(assets: Path) -> dict[str, tuple[int, ...]]:
    """Return the time (ns) of the last change of each asset's folder, and which folder it is.

    Raises:
        UnreachableError: the disk refuses.
    """
    pending = _in_the_making(assets.parent / "staging")  # looked at first: a set that is not, stands
    try:
        with os.scandir(assets) as found:
            seen = [
                (entry.name, entry.stat(follow_symlinks=False)) for entry in found if entry.name[0] != "."
            ]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UnreachableError(f"{assets}: cannot be read: {error.strerror}") from None
    return {
        name: (time.time_ns() if name in pending else facts.st_mtime_ns, facts.st_ino)
        for name, facts in sorted(seen, key=itemgetter(0))
    }


def _in_the_making(staging: Path) -> set[str]:
    """Return the members of sets that are not committed yet, as their lists name them."""
    found: set[str] = set()
    for path in staging.glob("*/set.json"):
        try:
            found.update(str(name) for name, *_ in json.loads(path.read_bytes())["members"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # committed or thrown away just now, or half written: then it has no record yet
    return found
