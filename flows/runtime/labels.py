"""Labels of runs: the only results that cross the control plane. References, digests, counts, booleans.

Example:
    >>> read_results(write_results({"rows": 4}))
    {'rows': 4}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from data_contracts.errors import UsageError
from environments.ref import AssetRef

__all__ = ["PLAN", "read_results", "start_label", "write_results"]

PLAN = "isthmus.plan"
_OUT = "out."
_REF = "ref:"


def write_results(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the labels of a run's results: AssetRefs, numbers, booleans, and digests of ours."""
    labels: dict[str, Any] = {}
    for name, value in results.items():
        if isinstance(value, AssetRef):
            labels[f"{_OUT}{name}"] = _REF + json.dumps(value.to_json(), separators=(",", ":"))
        elif isinstance(value, bool | int | float | str):
            labels[f"{_OUT}{name}"] = value
        else:
            raise UsageError(f"result {name}: not of a kind that a run may say of itself")
    return labels


def read_results(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Read the results from a run's labels.

    Raises:
        UsageError: one that calls itself a reference is none.
    """
    results: dict[str, Any] = {}
    for key, value in labels.items():
        if not key.startswith(_OUT):
            continue
        if isinstance(value, str) and value.startswith(_REF):
            try:
                results[key.removeprefix(_OUT)] = AssetRef.from_json(json.loads(value.removeprefix(_REF)))
            except ValueError:
                raise UsageError(f"result {key}: not a reference") from None
        else:
            results[key.removeprefix(_OUT)] = value
    return results


def start_label(parameter: str) -> str:
    """Return the label under which a pipeline's run records what a parameter was pinned to."""
    return f"in.{parameter}"
