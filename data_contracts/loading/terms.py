"""`isthmusBoundary` and `isthmusModel`: the contract's own custom properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.errors import Problem
from data_contracts.model import Column, ModelTerms, ParityTerms
from data_contracts.obligations import OBLIGATIONS
from data_contracts.standard.validation import terms_problems
from data_contracts.terms import BoundaryTerms, CrossingDeclaration, Selector, Treatment
from data_contracts.yamlsource import Source

__all__ = ["boundary_terms", "model_terms", "own_properties"]

Path = tuple[str | int, ...]
_PREFIX = "isthmus"


def own_properties(
    source: Source, path: Path, items: list[Mapping[str, Any]], known: frozenset[str]
) -> tuple[dict[str, tuple[Path, Any]], list[Problem]]:
    """Return our own custom properties of one place, with where each value stands.

    Everything in our namespace that is not in `known`, stands there twice, or does not keep our schema is a
    problem; other people's properties are left alone.
    """
    found: dict[str, tuple[Path, Any]] = {}
    problems: list[Problem] = []
    for index, item in enumerate(items):
        name, place = item["property"], (*path, index, "value")
        if not name.lower().startswith(_PREFIX):
            continue
        if name not in known:
            expected = ", ".join(sorted(known)) or "none here"
            problems.append(source.problem((*path, index), f"unknown property {name}", expected))
        elif name in found:
            problems.append(source.problem((*path, index), f"{name} stands here a second time", "once"))
        else:
            broken = terms_problems(name, source, item["value"], place)
            problems.extend(broken)
            if not broken:
                found[name] = (place, item["value"])
    return found, problems


def model_terms(value: Mapping[str, Any]) -> ModelTerms:
    """Return `isthmusModel` as a type; its schema has been checked."""
    parity = value["parity"]
    return ModelTerms(
        format=value["format"],
        opset=value["opset"],
        max_bytes=value["maxBytes"],
        trained_on=tuple(value["trainedOn"]),
        parity=ParityTerms(parity["rows"], float(parity["tolerance"])),
    )


def boundary_terms(
    source: Source, path: Path, value: Mapping[str, Any], columns: tuple[Column, ...], *, model: bool
) -> tuple[BoundaryTerms, list[Problem]]:
    """Return `isthmusBoundary` as a type, and what is wrong beyond its schema.

    Args:
        source: the document.
        path: where the value stands.
        value: the property's value; its schema has been checked.
        columns: the columns of the contract's data object; none for a model.
        model: whether it is a model contract, which crosses whole.
    """
    crossings: list[CrossingDeclaration] = []
    problems: list[Problem] = []
    known = {column.name: column for column in columns}
    for index, item in enumerate(value["crossings"]):
        place = (*path, "crossings", index)
        declaration = CrossingDeclaration(
            _selector(item["to"]),
            tuple(item["purposes"]),
            {name: _treatment(said) for name, said in item.get("columns", {}).items()},
        )
        if model and declaration.columns:
            problems.append(source.problem((*place, "columns"), "a model crosses whole", "no `columns`"))
        if not model and not declaration.columns:
            problems.append(source.problem(place, "no column may cross", "`columns`"))
        for name, treatment in declaration.columns.items():
            problems.extend(_column_problems(source, (*place, "columns", name), treatment, known.get(name)))
        if not model and all(t.obligation == "drop" for t in declaration.columns.values()):
            problems.append(source.problem(place, "every column is dropped", "at least one that crosses"))
        clash = next((n for n, other in enumerate(crossings) if _clash(other, declaration)), None)
        if clash is not None:
            message = f"one destination and purpose could match this and crossing {clash} alike"
            problems.append(source.problem(place, message, "one declaration for each"))
        crossings.append(declaration)
    return BoundaryTerms(value["version"], tuple(crossings)), problems


def _selector(value: str | Mapping[str, str]) -> Selector:
    if isinstance(value, str):
        return Selector(environment=value)
    return Selector(kind=value.get("kind"), jurisdiction=value.get("jurisdiction"))


def _treatment(value: str | Mapping[str, Any]) -> Treatment:
    if isinstance(value, str):
        return Treatment(value)
    ((name, parameters),) = value.items()
    return Treatment(name, parameters)


def _column_problems(
    source: Source, path: Path, treatment: Treatment, column: Column | None
) -> list[Problem]:
    if column is None:
        return [source.problem(path, "no such column", "a column of the schema object")]
    obligation = OBLIGATIONS.get(treatment.obligation)
    if obligation is None:
        return [source.problem(path, "unknown obligation", ", ".join(OBLIGATIONS))]
    complaints = obligation.complaints(treatment.parameters, column)
    return [source.problem(path, message, expected) for message, expected in complaints]


def _clash(left: CrossingDeclaration, right: CrossingDeclaration) -> bool:
    alike = left.to.specificity == right.to.specificity and left.to.overlaps(right.to)
    return alike and bool(set(left.purposes) & set(right.purposes))
