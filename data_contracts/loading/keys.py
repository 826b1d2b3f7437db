"""Keys: positions in primary and partition keys, and foreign keys in both of ODCS's notations.

Invariants:
1. `table.column` names an object and a column by their names; `schema/ID/properties/ID` by their ids, and
   may begin with another contract's file and `#`.
2. A reference into this contract leads to a column that is there, or is an error. An object that is not
   here lives in another contract: such a key is evaluated where that object's rows are given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from data_contracts.errors import Problem
from data_contracts.loading.own import Path, own_properties
from data_contracts.model import Column, Relationship, SchemaObject
from data_contracts.yamlsource import Source

__all__ = ["key_problems", "with_relationships"]


@dataclass(frozen=True)
class _Target:
    """Where a reference leads; `column` is None where it leads out of this contract."""

    object: str
    path: str
    file: str | None = None
    column: Column | None = None


class _WrongError(Exception):
    """A reference that leads nowhere; its text says why."""


def key_problems(source: Source, path: Path, item: SchemaObject) -> Iterator[Problem]:
    """Find two columns at one position of a key."""
    declared = source.data["schema"][path[1]].get("properties") or []
    keys = (
        ("primaryKeyPosition", [column.primary_key for column in item.columns]),
        ("partitionKeyPosition", [column.partition_key for column in item.columns]),
    )
    for word, positions in keys:
        written = [entry.get(word, -1) if at else -1 for entry, at in zip(declared, positions, strict=True)]
        taken = Counter(position for position in written if position > 0)
        for index, position in enumerate(written):
            if taken[position] > 1 and written.index(position) < index:
                place = (*path, "properties", index, word)
                yield source.problem(place, f"a second column at position {position}", "each position once")


def with_relationships(
    source: Source, objects: tuple[SchemaObject, ...]
) -> tuple[tuple[SchemaObject, ...], list[Problem]]:
    """Return the objects with their foreign keys, and every problem of these."""
    reader = _Reader(source, objects, [])
    return tuple(reader.object(index, item) for index, item in enumerate(objects)), reader.problems


@dataclass
class _Reader:
    source: Source
    objects: tuple[SchemaObject, ...]
    problems: list[Problem]

    def complain(self, path: Path, message: str, expected: str = "", severity: str = "error") -> None:
        self.problems.append(self.source.problem(path, message, expected, severity=severity))

    def object(self, index: int, item: SchemaObject) -> SchemaObject:
        declared, path = self.source.data["schema"][index], ("schema", index)
        pairs = zip(item.columns, declared.get("properties") or [], strict=True)
        columns = tuple(
            self.column(column, entry, (*path, "properties", at), column.name)
            for at, (column, entry) in enumerate(pairs)
        )
        keys = []
        for at, entry in enumerate(declared.get("relationships") or []):
            place, number = (*path, "relationships", at), "" if at == 0 else f"-{at + 1}"
            sources = [self._lead(name, (*place, "from")) for name in _listed(entry["from"])]
            key = self._key(f"schema.foreignKey{number}", sources, entry, place)
            if key is not None and any(lead is not None and lead.object != item.name for lead in sources):
                self.complain((*place, "from"), "a column of another object", f"columns of {item.name}")
            elif key is not None:
                keys.append(key)
        return replace(item, columns=columns, relationships=tuple(keys))

    def column(self, column: Column, entry: Mapping[str, Any], path: Path, name: str) -> Column:
        keys = []
        for at, declared in enumerate(entry.get("relationships") or []):
            place, number = (*path, "relationships", at), "" if at == 0 else f"-{at + 1}"
            here: list[_Target | None] = [_Target("", name, None, column)]
            key = self._key(f"{name}.foreignKey{number}", here, declared, place)
            if key is not None:
                keys.append(key)
        return replace(column, relationships=tuple(keys), children=self._children(column, entry, path, name))

    def _children(
        self, column: Column, entry: Mapping[str, Any], path: Path, name: str
    ) -> tuple[Column, ...]:
        if isinstance(entry.get("items"), Mapping):
            (child,) = column.children
            return (self.column(child, entry["items"], (*path, "items"), f"{name}[]"),)
        pairs = zip(column.children, entry.get("properties") or [], strict=True)
        return tuple(
            self.column(child, inner, (*path, "properties", at), f"{name}.{child.name}")
            for at, (child, inner) in enumerate(pairs)
        )

    def _key(
        self, identity: str, sources: list[_Target | None], entry: Mapping[str, Any], place: Path
    ) -> Relationship | None:
        """Return the key, or None where something of it is a problem that has been told."""
        custom = entry.get("customProperties") or []
        found = own_properties(self.source, (*place, "customProperties"), custom, frozenset())[1]
        self.problems.extend(found)
        targets = [self._lead(name, (*place, "to")) for name in _listed(entry["to"])]
        if len(sources) != len(targets):
            self.complain(place, f"{len(sources)} columns lead to {len(targets)}", "as many as lead there")
            return None
        leads = [target for target in targets if target is not None]
        known = [lead for lead in sources if lead is not None]
        if len(leads) != len(targets) or len(known) != len(sources):
            return None
        if len({(target.file, target.object) for target in leads}) > 1:
            self.complain((*place, "to"), "columns of several objects", "one object for one key")
            return None
        for lead, target in zip(known, leads, strict=True):
            types = [end.column.logical_type for end in (lead, target) if end.column is not None]
            if len(types) > 1 and all(types) and types[0] != types[1]:
                self.complain((*place, "to"), f"{types[0]} leads to {types[1]}", "columns of one type")
        first = leads[0]
        if first.column is None:
            message = f"rule {identity} is evaluated only where the rows of {first.object} are given"
            self.complain(place, message, severity="warning")
        columns = tuple(lead.path for lead in known)
        return Relationship(identity, columns, first.object, tuple(t.path for t in leads), first.file)

    def _lead(self, reference: str, place: Path) -> _Target | None:
        try:
            return self._target(reference)
        except _WrongError as wrong:
            self.complain(place, str(wrong), "OBJECT.COLUMN, or schema/ID/properties/ID")
            return None

    def _target(self, reference: str) -> _Target:
        if "/" not in reference:
            name, _, column = reference.partition(".")
            item = next((item for item in self.objects if item.name == name), None)
            if item is None:
                return _Target(name, column)
            found = next((entry for entry in item.columns if entry.name == column), None)
            if found is None:
                raise _WrongError(f"the object {name} has no column {column}")
            return _Target(name, column, None, found)
        file, mark, inner = reference.rpartition("#")
        words = inner.strip("/").split("/")
        if len(words) < 4 or len(words) % 2 or words[0] != "schema" or set(words[2::2]) != {"properties"}:  # noqa: PLR2004 - section, id, properties, id
            raise _WrongError("the reference is to no column")
        if mark:
            return _Target(words[1], ".".join(words[3::2]), file)
        return self._by_ids(words[1], words[3::2])

    def _by_ids(self, identity: str, ids: list[str]) -> _Target:
        declared: Mapping[str, Any] | None = next(
            (entry for entry in self.source.data["schema"] if entry.get("id") == identity), None
        )
        if declared is None:
            raise _WrongError(f"no object has the id {identity}")
        name, path, found = declared["name"], list[str](), None
        columns = next(item for item in self.objects if item.name == name).columns
        for step in ids:
            entries = declared.get("properties") or []
            at = next((at for at, entry in enumerate(entries) if entry.get("id") == step), None)
            if at is None:
                raise _WrongError(f"no property there has the id {step}")
            declared, found = entries[at], columns[at]
            path.append(found.name)
            columns = found.children
        return _Target(name, ".".join(path), None, found)


def _listed(value: Any) -> list[str]:  # noqa: ANN401 - a reference, or a list of them
    return [value] if isinstance(value, str) else list(value)
