"""A transit in memory, and one end's link to it, which fails as the schedule says.

`MemoryTransit` does what every transit does (`transit_suite`); `Link` is what an environment sees of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.transit import BytesOfItsOwn, Capabilities, Data, Put
from environments.transit.names import check_object, check_prefix

if TYPE_CHECKING:
    from machinery import Machinery

__all__ = ["Link", "MemoryTransit"]


class MemoryTransit(BytesOfItsOwn):
    """Objects between one source and one destination."""

    capabilities = Capabilities("memory")  # not a folder: what is fetched of it is kept

    def __init__(self) -> None:
        """Hold nothing; remember what lay there before, for stale reads."""
        self.objects: dict[str, bytes] = {}
        self.before: dict[str, list[bytes | None]] = {}

    def _change(self, name: str, data: bytes | None) -> None:
        self.before.setdefault(name, []).append(self.objects.get(name))
        if data is None:
            self.objects.pop(name, None)
        else:
            self.objects[name] = data

    def put(self, name: str, data: Data) -> None:
        self._change(check_object(name), bytes(data))

    def batch(self) -> AbstractContextManager[Put]:
        return nullcontext(self.put)

    def create(self, name: str, data: Data) -> bool:
        if check_object(name) in self.objects:
            return False
        self._change(name, bytes(data))
        return True

    def get(self, name: str, *, limit: int) -> bytes | None:
        found = self.objects.get(check_object(name))
        if found is not None and len(found) > limit:
            raise NotVerifiableError(f"an object in the transit is larger than {limit} bytes")
        return found

    def size(self, name: str) -> int | None:
        found = self.objects.get(check_object(name))
        return None if found is None else len(found)

    def names(self, prefix: str, *, after: str = "") -> Iterable[str]:
        check_prefix(prefix)
        return iter(sorted(name for name in self.objects if name.startswith(f"{prefix}/") and name > after))

    def crossings(self, *, after: str = "") -> Iterable[str]:
        return iter(sorted({name.partition("/")[0] for name in self.objects if name[:64] > after}))

    def delete(self, name: str) -> None:
        if check_object(name) in self.objects:
            self._change(name, None)

    def clear(self, prefix: str) -> None:
        for name in list(self.names(check_prefix(prefix))):
            self._change(name, None)


class Link(BytesOfItsOwn):
    """A transit as one environment sees it."""

    def __init__(self, simulation: Machinery, ends: tuple[str, str], environment: str) -> None:
        self._simulation, self._inner, self._environment = simulation, simulation.transit(*ends), environment
        self._ends = ends

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    def _begin(self, call: str, name: str) -> None:
        self._simulation.point(f"transit.{call}", name.partition("/")[2][:24])
        if self._simulation.is_cut(self._environment):
            raise UnreachableError("the link is down (simulated)")
        if self._struck("early"):
            raise UnreachableError("the link failed before (simulated)")

    def _end(self) -> None:
        late = self._struck("late")
        self._simulation.point("transit.done")
        if late:
            raise UnreachableError("the link failed after (simulated)")

    def _struck(self, kind: str) -> bool:
        return self._simulation.strikes(kind, self._environment) is not None

    def _write(self, do: Callable[[], object]) -> None:
        if self._struck("lost"):
            return
        if (later := self._simulation.strikes("reorder", self._environment)) is not None:
            self._simulation.later(later, do)
            return
        do()
        if (later := self._simulation.strikes("replay", self._environment)) is not None:
            self._simulation.later(later, do)

    def put(self, name: str, data: Data) -> None:
        whole = bytes(data)
        self._simulation.moves(self._environment, self._ends, name, len(whole), "put")
        self._begin("put", name)
        self._simulation.about_to_put(self._environment, name, whole)
        self._write(lambda: self._inner.put(name, whole))
        self._end()

    def batch(self) -> AbstractContextManager[Put]:
        return nullcontext(self.put)

    def create(self, name: str, data: Data) -> bool:
        self._simulation.moves(self._environment, self._ends, name, len(bytes(data)), "put")
        self._begin("create", name)
        made = self._struck("lost") or self._inner.create(name, data)
        self._end()
        return made

    def get(self, name: str, *, limit: int) -> bytes | None:
        lies = self._inner.get(name, limit=limit)
        self._simulation.moves(self._environment, self._ends, name, len(lies or b""), "get")
        self._begin("get", name)
        found = self._inner.get(name, limit=limit)
        older = self._inner.before.get(name)
        if older and self._struck("stale"):
            found = older[-1]
        if found and self._struck("short"):
            found = found[: len(found) // 2]
        if found and self._struck("flip"):
            found = bytes([found[0] ^ 1]) + found[1:]
        self._end()
        return found if found is None or len(found) <= limit else None

    def size(self, name: str) -> int | None:
        self._begin("size", name)
        return self._inner.size(name)

    def names(self, prefix: str, *, after: str = "") -> Iterable[str]:
        self._begin("names", prefix)
        return list(self._inner.names(prefix, after=after))

    def crossings(self, *, after: str = "") -> Iterable[str]:
        self._begin("crossings", after)
        return list(self._inner.crossings(after=after))

    def delete(self, name: str) -> None:
        self._begin("delete", name)
        self._write(lambda: self._inner.delete(name))
        self._end()

    def clear(self, prefix: str) -> None:
        self._begin("clear", prefix)
        self._write(lambda: self._inner.clear(prefix))
        self._end()
