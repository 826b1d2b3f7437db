"""Measures under the engine's own name: `data_contracts.measure`, which families of rules build on as well.

The protocols stand below both, so that `suites` (measures of Great Expectations' rules) needs nothing of
the engine, and the engine may compile a contract's `custom` rules with them.
"""

from __future__ import annotations

from data_contracts.measure import (
    Asset,
    Counts,
    Finding,
    KeyCounts,
    KeyMeasure,
    KeySpec,
    Measure,
    OnePass,
    PartView,
    Reading,
    State,
    WholeMeasure,
    level_of,
)

__all__ = [
    "Asset",
    "Counts",
    "Finding",
    "KeyCounts",
    "KeyMeasure",
    "KeySpec",
    "Measure",
    "OnePass",
    "PartView",
    "Reading",
    "State",
    "WholeMeasure",
    "level_of",
]
