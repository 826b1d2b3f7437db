"""`custom` quality rules: Great Expectations' words, run by GX's own engine on the whole asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from data_contracts.checks.expectations import columns_of, expectation, run_expectations
from data_contracts.checks.rules import Rule
from data_contracts.measure import Asset, Finding
from data_contracts.model import QualityRule, SchemaObject

__all__ = ["OnWholeAsset", "custom_rule"]


@dataclass(frozen=True)
class OnWholeAsset:
    """One expectation.

    Attributes:
        id: of the rule.
        arguments: `{type, kwargs}`.
    """

    id: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    column: str | None = None
    word: str = "custom"

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The columns that it names, or None where it is about the whole table."""
        found = columns_of([self])
        return None if found is None else tuple(sorted(found))

    def evaluate(self, asset: Asset) -> Finding:
        """Run it over the whole asset."""
        import pyarrow as pa

        if "table" not in asset.shared:
            asset.shared["table"] = pa.concat_tables(list(asset.read(None)))
        [found] = run_expectations([self], asset.shared["table"])
        return Finding(
            found.success, found.element_count, found.missing_count, found.unexpected_count, found.reason
        )


def custom_rule(rule: QualityRule, item: SchemaObject, bare: Rule) -> Rule:
    """Return the rule with its measure, or refused where nothing here knows it."""
    del item
    wanted = expectation(rule)
    if wanted is None:
        return bare
    return replace(bare, measure=OnWholeAsset(rule.id, wanted, rule.column), refused=None)
