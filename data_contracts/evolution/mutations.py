"""Small lies about a contract: each rule's bound moved, turned or left out, one at a time.

A set of samples that notices none of them does not test the rule. Mutations work on the document, so what
they make is read as strictly as any contract; one that does not load is no mutation.

Invariants:
1. The same contract gives the same mutations, under the same names, in the same order.
2. Each changes one word of one rule.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from data_contracts.errors import DeclarationError
from data_contracts.loading import contract_from_document, unevaluated
from data_contracts.model import Column, Contract, QualityRule, SchemaObject

__all__ = ["Mutation", "mutations"]

_TURNED = {
    "mustBe": "mustNotBe",
    "mustNotBe": "mustBe",
    "mustBeGreaterThan": "mustBeGreaterOrEqualTo",
    "mustBeGreaterOrEqualTo": "mustBeGreaterThan",
    "mustBeLessThan": "mustBeLessOrEqualTo",
    "mustBeLessOrEqualTo": "mustBeLessThan",
    "mustBeBetween": "mustNotBeBetween",
    "mustNotBeBetween": "mustBeBetween",
}
_TYPE_ONLY = {"format", "timezone", "defaultTimezone"}
_MAX_LISTED = 20


@dataclass(frozen=True)
class Mutation:
    """One change: the rule's id, what it does to it, and the contract that has it.

    `id` is what the samples file names it by.
    """

    rule: str
    change: str
    contract: Contract

    @property
    def id(self) -> str:
        """The rule and the change."""
        return f"{self.rule}: {self.change}"


Place = tuple[str | int, ...]
_Edit = tuple[str, str, Place, Any]
"""(rule id, what changes, where in the document, the new value; `_GONE` to leave it out)."""
_GONE = object()


def mutations(contract: Contract) -> Iterator[Mutation]:
    """Yield every mutation of the rules that something here evaluates."""
    for index, item in enumerate(contract.objects):
        declared = contract.document["schema"][index]
        for rule, change, place, value in _object(("schema", index), declared, item):
            document = copy.deepcopy(contract.document)
            holder: Any = document
            for step in place[:-1]:
                holder = holder[step]
            if value is _GONE:
                del holder[place[-1]]
            else:
                holder[place[-1]] = value
            try:
                made = contract_from_document(document, file=f"{contract.reference} ({change})")
            except DeclarationError:
                continue  # A bound that crosses its neighbour, a list that is empty: nobody could write it.
            yield Mutation(rule, change, made)


def _object(path: Place, declared: Mapping[str, Any], item: SchemaObject) -> Iterator[_Edit]:
    yield from _quality(path, declared, item.rules)
    for at, column in enumerate(item.columns):
        place = (*path, "properties", at)
        yield from _column(place, declared["properties"][at], column, column.name)


def _column(path: Place, declared: Mapping[str, Any], column: Column, name: str) -> Iterator[_Edit]:
    for word in ("required", "unique"):
        if declared.get(word):
            yield f"{name}.{word}", "left out", (*path, word), False
    if declared.get("primaryKey"):
        yield f"{name}.unique", "no primary key", (*path, "primaryKey"), False
    for word, value in column.options.items():
        place = (*path, "logicalTypeOptions", word)
        if word in _TYPE_ONLY:
            continue
        yield f"{name}.{word}", "left out", place, _GONE
        for other in _moved(value):
            yield f"{name}.{word}", f"{value} is {other}", place, other
    yield from _quality(path, declared, column.rules)
    if isinstance(declared.get("items"), Mapping):
        yield from _column((*path, "items"), declared["items"], column.children[0], f"{name}[]")
        return
    for at, child in enumerate(column.children):
        inner = (*path, "properties", at)
        yield from _column(inner, declared["properties"][at], child, f"{name}.{child.name}")


def _quality(path: Place, declared: Mapping[str, Any], rules: tuple[QualityRule, ...]) -> Iterator[_Edit]:
    for at, rule in enumerate(rules):
        if unevaluated(rule) is not None:
            continue
        place = (*path, "quality", at)
        raw = dict(declared["quality"][at])
        if rule.kind == "custom":
            yield from _expectation(place, raw, rule)
            continue
        if rule.operator is not None:
            yield from _operator(place, raw, rule)
        if rule.unit == "percent":
            yield rule.id, "percent is rows", place, {**raw, "unit": "rows"}
        for word in ("validValues", "missingValues"):
            values = rule.arguments.get(word)
            listed: list[Any] = values if isinstance(values, list) else []
            for index, value in enumerate(listed[:_MAX_LISTED]):
                fewer = [other for number, other in enumerate(listed) if number != index]
                said = {**raw, "arguments": {**rule.arguments, word: fewer}}
                yield rule.id, f"{word} without {value!r}", place, said


def _operator(place: Place, raw: Mapping[str, Any], rule: QualityRule) -> Iterator[_Edit]:
    operator = str(rule.operator)
    rest = {key: value for key, value in raw.items() if key != operator}
    turned = _TURNED[operator]
    yield rule.id, f"{operator} is {turned}", place, {**rest, turned: rule.bound}
    if not isinstance(rule.bound, list):
        for other in _moved(rule.bound):
            yield rule.id, f"{operator} {rule.bound} is {other}", place, {**raw, operator: other}
        return
    for side in (0, 1):
        for other in _moved(rule.bound[side]):
            bound = [other if number == side else value for number, value in enumerate(rule.bound)]
            yield rule.id, f"{operator} {rule.bound} is {bound}", place, {**raw, operator: bound}


def _expectation(place: Place, raw: Mapping[str, Any], rule: QualityRule) -> Iterator[_Edit]:
    """Move the numbers of a Great Expectations rule, and each of its truths."""
    said = rule.implementation
    if not isinstance(said, Mapping) or not isinstance(said.get("kwargs"), Mapping):
        return
    for word, value in said["kwargs"].items():
        others = [not value] if isinstance(value, bool) else list(_moved(value))
        for other in others:
            changed = {**said, "kwargs": {**said["kwargs"], word: other}}
            yield rule.id, f"{word} {value} is {other}", place, {**raw, "implementation": changed}


def _moved(value: Any) -> Iterator[Any]:  # noqa: ANN401 - a bound of any type
    """Yield the bound's two nearest neighbours, as far as its type has them."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value - 1, value + 1)
    elif isinstance(value, float):
        step = max(abs(value) * 0.01, 1e-6)
        yield from (value - step, value + step)
    elif isinstance(value, str):
        yield from _moments(value)


def _moments(text: str) -> Iterator[str]:
    for read, step in (
        (date.fromisoformat, timedelta(days=1)),
        (datetime.fromisoformat, timedelta(seconds=1)),
    ):
        try:
            value = read(text)
        except ValueError:
            continue
        yield from ((value - step).isoformat(), (value + step).isoformat())
        return
