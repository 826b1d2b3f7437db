"""What might cross at the last deploy: a crossing that a contract or a profile opens since waits for a word.

Invariants:
1. The record is written only after a deploy succeeded, and by the first start of a home, which has no before.
2. While a crossing is possible that was not when the record was written, `isthmus deploy` registers nothing,
   until each such crossing is acknowledged by its name. A record that cannot be read blocks as well.
3. Closing a crossing needs nobody's word.

The record is this home's memory of what its operator has seen. It decides no crossing: the gate does, each
time, by the terms and rules of that moment.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from data_contracts.digest import canonical
from data_contracts.errors import DeclarationError, DeniedError, NotVerifiableError, UsageError
from data_contracts.evolution import Opening, Passage, opened, passages
from environments.home import Home
from environments.private import make_private, read_private, write_private
from environments.site import Site

__all__ = ["CrossingsOpenedError", "Openings", "guard", "remember", "remember_first"]

_VERSION = 1


class CrossingsOpenedError(DeniedError):
    """Crossings are possible that were not at the last deploy, and nobody has acknowledged them."""

    def __init__(self, openings: Sequence[Opening]) -> None:
        """Name every crossing and what is new in it."""
        self.openings = tuple(openings)
        lines = [f"{item.passage.id}: {'; '.join(item.reasons)}" for item in self.openings]
        options = " ".join(f"--acknowledge {item.passage.id}" for item in self.openings)
        super().__init__(
            "crossings that were not possible at the last deploy:\n  " + "\n  ".join(lines),
            remedy=f"if each is meant, run it again with {options}",
        )


class Openings:
    """What is possible now, beside what was at the last deploy; `news` is empty where there was none."""

    def __init__(self, now: tuple[Passage, ...], before: tuple[Passage, ...] | None) -> None:
        """Compare the two."""
        self.now = now
        self.news = () if before is None else opened(before, now)


def guard(home: Home, site: Site, acknowledged: Sequence[str]) -> Openings:
    """Return what is possible now, if everything new of it is acknowledged.

    Raises:
        CrossingsOpenedError: something new is not.
        UsageError: something that is not new is acknowledged: a typing error, or an old command line.
        DeclarationError: a contract or an environment's file does not load.
        NotVerifiableError: the record is no record.
    """
    found = Openings(_possible(site), _read(_file(home)))
    new = {item.passage.id for item in found.news}
    wrong = sorted(set(acknowledged) - new)
    if wrong:
        known = ", ".join(sorted(new)) or "none is new"
        raise UsageError(f"not a crossing that became possible: {', '.join(wrong)}", remedy=f"new: {known}")
    waiting = [item for item in found.news if item.passage.id not in acknowledged]
    if waiting:
        raise CrossingsOpenedError(waiting)
    return found


def remember(home: Home, openings: Openings) -> None:
    """Write down what is possible now; a later deploy asks for what is more."""
    path = _file(home)
    make_private(path.parent)
    crossings = [passage.to_json() for passage in openings.now]
    write_private(path, canonical({"version": _VERSION, "crossings": crossings}) + b"\n")


def remember_first(home: Home, site: Site) -> None:
    """Write down what is possible now, if this home has never been deployed to.

    A contract that does not load keeps no system from starting; then the first `isthmus deploy` begins.
    """
    if not _file(home).exists():
        with suppress(DeclarationError):
            remember(home, Openings(_possible(site), None))


def _possible(site: Site) -> tuple[Passage, ...]:
    sides = [profile.destination() for profile in site.profiles.values()]
    return passages(site.contracts.all(), sides)


def _file(home: Home) -> Path:
    return home.system / "crossings.json"


def _read(path: Path) -> tuple[Passage, ...] | None:
    if not path.exists():
        return None
    try:
        told = json.loads(read_private(path))
        known = tuple(map(Passage.from_json, told["crossings"])) if told["version"] == _VERSION else None
    except (ValueError, TypeError, KeyError, AttributeError):
        known = None
    if known is None:
        remedy = "look who changed it; without it, the next deploy begins with what is possible then"
        raise NotVerifiableError(f"{path}: no record of crossings", remedy=remedy)
    return known
