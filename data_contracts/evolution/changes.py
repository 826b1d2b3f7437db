"""What changed between two versions of a contract, and whom each change breaks.

Invariants:
1. Readers rely on what the contract promises: a promise that is weaker, or gone, breaks them. Producers
   have to keep it: a promise that is stronger, or new, breaks them. A change whose direction cannot be told
   breaks both.
2. Words for people (descriptions, teams, tags) break nobody.
3. A contract beside itself has no changes.

Example (`OLD` says `minimum: 0` of age and `NEW` says `minimum: 18`)::

    [Change("t.age.minimum", "minimum 0 is now 18", ("producers",))]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from data_contracts.arrow import kind_of
from data_contracts.evolution.promises import option_direction, rule_direction, sla_direction
from data_contracts.model import Column, Contract, SchemaObject

__all__ = ["BOTH", "PRODUCERS", "READERS", "Change", "changes"]

READERS: tuple[str, ...] = ("readers",)
PRODUCERS: tuple[str, ...] = ("producers",)
BOTH = (*READERS, *PRODUCERS)
_BREAKS = {"tighter": PRODUCERS, "looser": READERS, "other": BOTH, "same": ()}
_WORDS = {"tighter": "tighter", "looser": "looser", "other": "another"}


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        path: what it is about: `OBJECT.COLUMN.WORD`, or a word of the contract.
        message: what changed, for people. It may hold bounds and lists of the contract, never data.
        breaks: `readers`, `producers`, both or neither.
    """

    path: str
    message: str
    breaks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"path": self.path, "message": self.message, "breaks": list(self.breaks)}


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Item = TypeVar("Item", bound=_Identified)


def changes(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Return every difference of what the two promise about data and service."""
    return tuple(_contract(old, new))


def _contract(old: Contract, new: Contract) -> Iterator[Change]:
    if old.id != new.id:
        yield Change("id", f"{old.id} is now {new.id}", BOTH)
    if old.status != new.status:
        yield Change("status", f"{old.status} is now {new.status}")
    was, now = ({item.name: item for item in made.objects} for made in (old, new))
    for name in was | now:
        if name not in now:
            yield Change(name, "the object is gone", BOTH)
        elif name not in was:
            yield Change(name, "a new object", PRODUCERS)
        else:
            yield from _object(was[name], now[name])
    if old.model != new.model:
        yield Change("isthmusModel", "the terms of the model changed", BOTH)
    yield from _acknowledged(old, new)
    yield from _service(old, new)


def _object(old: SchemaObject, new: SchemaObject) -> Iterator[Change]:
    yield from _columns(old.name, old.columns, new.columns)
    if old.primary_key != new.primary_key:
        yield Change(f"{old.name}.primaryKey", _from_to(old.primary_key, new.primary_key), BOTH)
    if old.partition_key != new.partition_key:
        yield Change(f"{old.name}.partitionKey", _from_to(old.partition_key, new.partition_key))
    yield from _rules(old.name, old.rules, new.rules)
    yield from _keys(old.name, old.relationships, new.relationships)


def _columns(path: str, old: Sequence[Column], new: Sequence[Column]) -> Iterator[Change]:
    was, now = ({column.name: column for column in columns} for columns in (old, new))
    for name in was | now:
        place = f"{path}.{name}"
        if name not in now:
            yield Change(place, "the column is gone", BOTH)
        elif name not in was:
            # Data of the old contract lacks it, and a column that is not there fails its type.
            yield Change(place, "a new column", PRODUCERS)
        else:
            yield from _column(place, was[name], now[name])
    if list(was) != list(now) and set(was) == set(now):
        yield Change(path, "the columns stand in another order")


def _column(path: str, old: Column, new: Column) -> Iterator[Change]:
    types = [(kind_of(column), column.physical_type) for column in (old, new)]
    if types[0] != types[1]:
        yield Change(f"{path}.type", _from_to(*(" ".join(filter(None, pair)) for pair in types)), BOTH)
    for word in ("required", "unique"):
        before, after = getattr(old, word), getattr(new, word)
        if before != after:
            yield Change(f"{path}.{word}", _from_to(before, after), PRODUCERS if after else READERS)
    if old.missing_tokens != new.missing_tokens:
        yield Change(f"{path}.isthmusMissing", "other texts stand for no value", BOTH)
    if old.classification != new.classification:
        message = _from_to(old.classification.word, new.classification.word)
        yield Change(f"{path}.classification", message)
    if old.categories != new.categories:
        yield Change(f"{path}.categories", _from_to(sorted(old.categories), sorted(new.categories)))
    for word in {**old.options, **new.options}:
        direction = option_direction(word, old.options.get(word), new.options.get(word))
        if direction != "same":
            message = f"{word} {_from_to(old.options.get(word), new.options.get(word))}"
            yield Change(f"{path}.{word}", message, _BREAKS[direction])
    yield from _rules(path, old.rules, new.rules)
    yield from _keys(path, old.relationships, new.relationships)
    yield from _columns(path, old.children, new.children)


def _rules(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    for identity, before, after in _paired(old, new):
        if after is None:
            yield Change(f"{path}.{identity}", "the rule is gone", READERS)
        elif before is None:
            yield Change(f"{path}.{identity}", "a new rule", PRODUCERS)
        else:
            direction = rule_direction(before, after)
            if direction != "same":
                yield Change(f"{path}.{identity}", f"the rule is {_WORDS[direction]}", _BREAKS[direction])


def _keys(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    for identity, before, after in _paired(old, new):
        if after is None:
            yield Change(f"{path}.{identity}", "the foreign key is gone", READERS)
        elif before is None:
            yield Change(f"{path}.{identity}", "a new foreign key", PRODUCERS)
        elif (before.columns, before.to_object, before.to_columns, before.file) != (
            after.columns,
            after.to_object,
            after.to_columns,
            after.file,
        ):
            yield Change(f"{path}.{identity}", "the foreign key leads elsewhere", BOTH)


def _paired(old: Sequence[Item], new: Sequence[Item]) -> Iterator[tuple[str, Item | None, Item | None]]:
    was, now = ({item.id: item for item in items} for items in (old, new))
    for identity in was | now:
        yield identity, was.get(identity), now.get(identity)


def _acknowledged(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = ({entry.rule for entry in made.acknowledged} for made in (old, new))
    for rule in sorted(now - was):
        yield Change(rule, "the owner acknowledged that nothing evaluates the rule", READERS)
    for rule in sorted(was - now):
        yield Change(rule, "the rule is no longer acknowledged: unless it is evaluated, it fails", PRODUCERS)


def _service(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = ({(item.property, item.elements): item for item in made.sla} for made in (old, new))
    for key in was | now:
        before, after, path = was.get(key), now.get(key), f"sla.{key[0]}"
        if after is None:
            yield Change(path, "the agreement is gone", READERS)
        elif before is None:
            yield Change(path, "a new agreement", PRODUCERS)
        else:
            direction = sla_direction(before, after)
            if direction != "same":
                shown = (f"{item.value} {item.unit}".strip() for item in (before, after))
                yield Change(path, _from_to(*shown), _BREAKS[direction])
    if old.servers != new.servers:
        yield Change("servers", "the servers changed")


def _from_to(before: object, after: object) -> str:
    return f"{_shown(before)} is now {_shown(after)}"


def _shown(value: object) -> str:
    if value is None or value in ((), []):
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(dict(value)) if isinstance(value, Mapping) else str(value)
