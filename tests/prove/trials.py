"""The arms of the proof: which guards are off, and where marks must be found then, or which guard held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from story import Arm

__all__ = ["PACKETS", "TRIALS", "WORDS", "Trial", "complaints"]

API, ROWS = "answers of the server's API", "rows of the server's database"
CLOUD, TRANSITS, PACKETS = "everything of cloud", "transits, as they went by", "packets on the loopback"
ELSEWHERE = "temporary files that are not an environment's"
WORDS = {
    "gate": "the API gate of each environment",
    "wrapper": "the wrapper that ends a run with an incident's id instead of its error",
    "obligation": "the obligation (a pseudonym is the identifier itself)",
    "proof": "the proof of the output",
    "sealing": "the encryption of what lies in a transit",
    "tls": "the encryption between Dask's processes",
    "folder": "an environment's own folder for temporary files",
}


@dataclass(frozen=True)
class Trial:
    """One arm, and where marks must be found: everywhere listed, and nowhere where nothing is.

    Attributes:
        off: the guards that are off.
        leaks: the places where the search must find marks.
        held: what shows that the guard behind held, where nothing may be found.
    """

    off: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    held: Callable[[Arm], str] = lambda _: ""


def _withheld(arm: Arm) -> str:
    return f"the API gate withheld {arm.withheld} messages" if arm.withheld else ""


def _refused(arm: Arm) -> str:
    broken = [said for said, code in arm.ended.items() if said.startswith("sync") and code == 1]
    return "the proof of the output refused the crossing" if broken else ""


TRIALS = (
    Trial(),
    Trial(("gate",), (API, ROWS, PACKETS)),
    Trial(("wrapper",), held=_withheld),
    Trial(("wrapper", "gate"), (API, ROWS, PACKETS)),
    Trial(("obligation",), held=_refused),
    Trial(("obligation", "proof"), (CLOUD,)),
    Trial(("obligation", "proof", "sealing"), (CLOUD, TRANSITS)),
    Trial(("tls",), (PACKETS,)),
    Trial(("folder",), (ELSEWHERE,)),
)


def complaints(trial: Trial, arm: Arm) -> Iterator[str]:
    """Yield what is not as it must be."""
    if arm.dropped:
        yield f"{arm.dropped} packets were dropped: nothing is known of them"
    for found in arm.found:
        if found.place.startswith("control") or (found.place == PACKETS and arm.segments is None):
            continue
        if not found.things and not trial.off:
            yield f"{found.place}: there is nothing, so the search proves nothing"
        if found.leaks and not trial.leaks:
            yield f"{found.place}: {', '.join(found.leaks[:5])}"
    known = {found.place for found in arm.found}
    for place in trial.leaks:
        if place in known and not arm.leaks(place):
            yield f"{place}: with {' and '.join(trial.off)} off nothing is found: the search is blind there"
    if trial.off and not trial.leaks and not trial.held(arm):
        yield f"nothing is found with {' and '.join(trial.off)} off, and nothing shows that a guard held"
