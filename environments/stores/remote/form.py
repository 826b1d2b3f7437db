"""The mark that says in which form a store on objects is written, and what trying to write it twice tells.

Invariants:
1. A store of another form is refused before anything is written.
2. What the store promises about a second create is found by trying it, not believed.

Example:
    >>> has_form(bucket, "the bucket exchange")
    False
    >>> try_store(bucket, "the bucket exchange").one_writer_wins, has_form(bucket, "the bucket exchange")
    (True, True)
"""

from __future__ import annotations

from data_contracts.errors import UnreachableError, UsageError
from environments.objects.bucket import Objects
from environments.transits import Capabilities

__all__ = ["has_form", "try_store"]

_NAME, _MARK = "FORMAT", b"1\n"


def has_form(bucket: Objects, medium: str) -> bool:
    """Whether the store was written, in the form that this version reads; False where it is empty.

    Raises:
        UsageError: another form.
        UnreachableError: the answer was cut short, or the store refuses.
    """
    found = bucket.get(_NAME, limit=len(_MARK))
    if found is None or found == _MARK:
        return found is not None
    # A mark has no digest to hold it to: what only begins like ours may be the beginning of ours.
    if _MARK.startswith(found):
        raise UnreachableError(f"the store in {medium}: an answer was cut short", remedy="try again")
    raise UsageError(
        f"the store in {medium}: another Isthmus wrote it (its format is not 1)",
        remedy="use that version of Isthmus; nothing there was changed",
    )


def try_store(bucket: Objects, medium: str) -> Capabilities:
    """Write the mark, twice, and return what the store promises: the second must not be created."""
    bucket.create(_NAME, _MARK)
    return Capabilities(medium, one_writer_wins=not bucket.create(_NAME, _MARK))
