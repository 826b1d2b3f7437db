"""Names of people, places and countries, folded; `lists/ATTRIBUTION.md` says whose they are."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["words_of"]

_FOLDER = Path(__file__).with_name("lists")


@cache
def words_of(name: str) -> pl.Series:
    """Return one list: `given`, `family`, `places` or `countries`."""
    import polars as pl

    return pl.Series(name, (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").split())
