"""Great Expectations (GX) in a check: `custom` rules of a contract, and whole suites without a contract.

How an expectation is evaluated is `data_contracts.suites`' to say: in parts that merge, wherever that has
GX's own meaning, and by GX's own engine on the whole asset else.

Invariants:
1. What is no single expectation, and what is refused there, is a rule that has failed as `not_evaluated`.
2. A contract's columns are checked in the contract's types; what is about the file's own columns and types is
   GX's own engine's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import column_type
from data_contracts.checks.conforming import FileShape
from data_contracts.checks.nested import nodes_of
from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.rules import Rule
from data_contracts.errors import DataBreaksContractError, DeclarationError, UsageError
from data_contracts.model import QualityRule, SchemaObject
from data_contracts.suites import Compiled, Suite, Wanted, compile_expectation
from data_contracts.verdict import Reason
from data_contracts.yamlsource import parse_yaml

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["compile_suite", "custom_rule", "expectation", "plan_of_suite"]

_TYPE = re.compile(r"[a-z][a-z0-9_]*")
_KEYS = {"type", "kwargs", "meta"}


def expectation(rule: QualityRule) -> Wanted | None:
    """Return the expectation of a custom rule, or None where it is no single one.

    The implementation is a mapping, or text that holds one as YAML or JSON.
    """
    said = rule.implementation
    if isinstance(said, str):
        try:
            said = parse_yaml(said.encode(), file=rule.id).data
        except DeclarationError:
            return None
    if not isinstance(said, Mapping) or not set(said) <= _KEYS:
        return None
    kind, kwargs = said.get("type"), said.get("kwargs", {})
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind) or not isinstance(kwargs, Mapping):
        return None
    named = {key: value for key, value in kwargs.items() if key != "result_format"}
    if rule.column is not None and not any(key.startswith("column") for key in named):
        named["column"] = rule.column
    return Wanted(rule.id, kind, named)


def custom_rule(rule: QualityRule, item: SchemaObject, bare: Rule) -> Rule:
    """Return a contract's rule with its measure, or as it is where nothing here evaluates it."""
    wanted = expectation(rule)
    if wanted is None:
        return bare
    made = compile_expectation(wanted, _schema(item), shaped=False)
    return (
        bare
        if made.measure is None
        else replace(bare, measure=made.measure, refused=None, tolerant=_tolerant(made))
    )


def _schema(item: SchemaObject) -> pa.Schema:
    """Return the types of every path of an object; of no storable type, one that nothing streams."""
    import pyarrow as pa

    fields: dict[str, Any] = {}
    for node in nodes_of(item.columns):
        try:
            kind = column_type(node.column)
        except UsageError:
            kind = pa.struct([])
        fields.setdefault(node.path, kind)
    return pa.schema(list(fields.items()))


def _tolerant(made: Compiled) -> bool:
    return bool(made.wanted.kwargs.get("mostly", 1) != 1)


def compile_suite(suite: Suite, schema: pa.Schema) -> tuple[Compiled, ...]:
    """Return every expectation of a suite, ready for data of that schema.

    Raises:
        DataBreaksContractError: a column's name stands twice, so no expectation can say which it means.
    """
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise DataBreaksContractError(
            f"{len(twice)} names of columns stand more than once",
            remedy="give every column a name of its own",
        )
    return tuple(compile_expectation(wanted, schema) for wanted in suite.expectations)


def plan_of_suite(suite: Suite, schema: pa.Schema, *, key: Callable[[int], bytes] | None = None) -> CheckPlan:
    """Return the plan that checks data of that schema against a suite, without a contract.

    Raises:
        UsageError: the suite has no expectation: nothing would be checked.
        DataBreaksContractError: a column's name stands twice.
    """
    import secrets

    if not suite.expectations:
        raise UsageError(
            f"the suite {suite.name} has no expectation", remedy="a check needs at least one rule"
        )
    rules = tuple(map(_rule, compile_suite(suite, schema)))
    return CheckPlan(suite.name, FileShape(schema), rules, (key or secrets.token_bytes)(32))


def _rule(made: Compiled) -> Rule:
    wanted = made.wanted
    refused = Reason.NOT_EVALUATED if made.measure is None else None
    return Rule(
        wanted.id,
        wanted.column,
        wanted.type,
        made.measure,
        refused,
        tolerant=_tolerant(made),
        severity="error" if wanted.severity == "critical" else wanted.severity,
    )
