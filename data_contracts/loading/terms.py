"""`isthmusBoundary` and `isthmusModel`: the contract's own custom properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data_contracts.arrow import kind_of
from data_contracts.conditions import Condition, ConditionError, parse_condition
from data_contracts.errors import Problem, UsageError
from data_contracts.loading.own import Path
from data_contracts.model import Column, ModelTerms, ParityTerms
from data_contracts.obligations import OBLIGATIONS, unknown_obligation
from data_contracts.obligations.profiles import profile_problems
from data_contracts.terms import (
    AnonymityTerms,
    BoundaryTerms,
    CrossingDeclaration,
    ExpertDetermination,
    MinimumCell,
    Selector,
    Treatment,
)
from data_contracts.yamlsource import Source

__all__ = ["boundary_terms", "condition_kinds", "model_terms"]

_KINDS = {
    "string": "string",
    "int64": "integer",
    "double": "number",
    "bool": "boolean",
    "date32[day]": "date",
    "timestamp[us]": "timestamp",
    "timestamp[us, tz=UTC]": "timestamp-utc",
    "time64[us]": "time",
}


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
        rows, found = _rows(source, (*place, "rows"), item.get("rows"), columns, model=model)
        problems.extend(found)
        declaration = CrossingDeclaration(
            _selector(item["to"]),
            tuple(item["purposes"]),
            {name: _treatment(said) for name, said in item.get("columns", {}).items()},
            rows,
            _anonymity(item.get("anonymity")),
            _minimum_cell(item.get("minimumCell")),
            tuple(item.get("reidentify", {}).get("purposes", ())),
            item.get("profile", ""),
            ExpertDetermination(**item["expertDetermination"]) if "expertDetermination" in item else None,
        )
        problems.extend(
            source.problem((*place, word), "a model crosses whole", f"no `{word}`")
            for word in ("columns", "anonymity", "minimumCell", "profile", "reidentify")
            if model and word in item
        )
        if not model and not declaration.columns:
            problems.append(source.problem(place, "no column may cross", "`columns`"))
        broken = [
            problem
            for name, treatment in declaration.columns.items()
            for problem in _column_problems(source, (*place, "columns", name), treatment, name, known)
        ]
        problems.extend(broken)
        if not model and not broken:
            problems.extend(_treatment_problems(source, place, declaration, known))
        if not model and all(t.obligation == "drop" for t in declaration.columns.values()):
            problems.append(source.problem(place, "every column is dropped", "at least one that crosses"))
        if not model and declaration.anonymity is not None:
            complaints = _anonymity_complaints(declaration.anonymity, declaration.columns, columns)
            problems.extend(
                source.problem((*place, "anonymity", key), message, expected)
                for key, message, expected in complaints
            )
        clash = next((n for n, other in enumerate(crossings) if _clash(other, declaration)), None)
        if clash is not None:
            message = f"one destination and purpose could match this and crossing {clash} alike"
            problems.append(source.problem(place, message, "one declaration for each"))
        crossings.append(declaration)
    return BoundaryTerms(value["version"], tuple(crossings)), problems


def condition_kinds(columns: tuple[Column, ...]) -> dict[str, str]:
    """Return the columns that a condition can look at, each with its kind (see `parse_condition`)."""
    from data_contracts.arrow import column_type

    kinds: dict[str, str] = {}
    for column in columns:
        try:
            stored = str(column_type(column))
        except UsageError:
            continue  # No storable type, so no comparison either.
        kind = _KINDS.get(stored, "")
        if stored.startswith("decimal128"):
            kind = stored.replace("decimal128", "decimal").replace(" ", "")
        if kind:
            kinds[column.name] = kind
    return kinds


def _rows(
    source: Source, path: Path, text: str | None, columns: tuple[Column, ...], *, model: bool
) -> tuple[Condition | None, list[Problem]]:
    if text is None:
        return None, []
    if model:
        return None, [source.problem(path, "a model crosses whole", "no `rows`")]
    try:
        return parse_condition(text, condition_kinds(columns)), []
    except ConditionError as error:
        message = f"character {error.at} of the condition: {error.complaint}"
        return None, [source.problem(path, message, error.expected)]


def _anonymity(value: Mapping[str, Any] | None) -> AnonymityTerms | None:
    if value is None:
        return None
    return AnonymityTerms(
        k=value["k"],
        quasi_identifiers=tuple(value["quasiIdentifiers"]),
        sensitive={name: said["distinct"] for name, said in value.get("sensitive", {}).items()},
        max_suppressed=float(value.get("maxSuppressed", 0)),
    )


def _anonymity_complaints(
    terms: AnonymityTerms, columns: Mapping[str, Treatment], declared: tuple[Column, ...]
) -> Iterator[tuple[str, str, str]]:
    """Yield (key, what is wrong, what is expected).

    Every column that is named must arrive, and what arrives of what the contract calls an identifier must be
    named, or the classes would be counted without it.
    """
    arriving = {
        name for name, said in columns.items() if said.obligation in OBLIGATIONS and said.obligation != "drop"
    }
    for key, names in (("quasiIdentifiers", terms.quasi_identifiers), ("sensitive", tuple(terms.sensitive))):
        gone = sorted(set(names) - arriving)
        if gone:
            yield key, f"columns that do not arrive: {', '.join(gone)}", "columns that this crossing keeps"
    kinds = {column.name: column.categories for column in declared}
    for word, named in (("quasi-identifier", set(terms.quasi_identifiers)), ("direct-identifier", set())):
        missed = sorted(name for name in arriving - named if word in kinds.get(name, ()))
        if missed:
            expected = "each of them, or drop" if named else "drop"
            yield "quasiIdentifiers", f"a {word} arrives uncounted: {', '.join(missed)}", expected
    both = sorted(set(terms.quasi_identifiers) & set(terms.sensitive))
    if both:
        message = f"both quasi-identifier and sensitive: {', '.join(both)}"
        yield "sensitive", message, "each column in one of the two"
    if any(least > terms.k for least in terms.sensitive.values()):
        yield "sensitive", "more distinct values than rows in a group", f"at most k = {terms.k}"


def _minimum_cell(value: Mapping[str, Any] | None) -> MinimumCell | None:
    return None if value is None else MinimumCell(tuple(value["columns"]), value["least"])


def _treatment_problems(
    source: Source, place: Path, declaration: CrossingDeclaration, known: Mapping[str, Column]
) -> list[Problem]:
    """Find what is wrong with sound treatments taken together: small cells, and the profile."""
    found: list[tuple[Path, str, str]] = []
    for name in declaration.minimum_cell.columns if declaration.minimum_cell else ():
        treatment = declaration.columns.get(name)
        if treatment is None or treatment.obligation != "keep" or kind_of(known[name]) != "integer":
            message = f"{name} is no count that crosses as it is"
            found.append((("minimumCell", "columns"), message, "an integer column that is kept"))
    keyed = {"pseudonymise", "code"} & {t.obligation for t in declaration.columns.values()}
    if declaration.reidentify and not keyed:
        found.append((("reidentify",), "nothing here could be turned back", "a pseudonym or a code"))
    if declaration.profile:
        found.extend(profile_problems(declaration.profile, declaration, known))
    return [source.problem((*place, *inside), message, expected) for inside, message, expected in found]


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
    source: Source, path: Path, treatment: Treatment, name: str, known: Mapping[str, Column]
) -> list[Problem]:
    column = known.get(name)
    if column is None:
        return [source.problem(path, "no such column", "a column of the schema object")]
    obligation = OBLIGATIONS.get(treatment.obligation)
    if obligation is None:
        return [source.problem(path, *unknown_obligation(treatment.obligation))]
    complaints = obligation.complaints(treatment.parameters, column)
    for other in obligation.beside(treatment.parameters):
        if other not in known:
            complaints.append((f"no such column {other}", "a column of the schema object"))
        elif not (known[other].required or known[other].primary_key):
            complaints.append(
                (f"{other} may be null, and then nothing says whose row it is", "required: true")
            )
    return [source.problem(path, message, expected) for message, expected in complaints]


def _clash(left: CrossingDeclaration, right: CrossingDeclaration) -> bool:
    alike = left.to.specificity == right.to.specificity and left.to.overlaps(right.to)
    return alike and bool(set(left.purposes) & set(right.purposes))
