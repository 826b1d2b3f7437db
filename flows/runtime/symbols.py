"""What a pipeline's body holds in its hands: symbols for assets, results and outcomes.

A pipeline is planned before anything runs, so in its body there is nothing to look at yet. Every
way of looking (an attribute, a comparison, `if`, `len`, `str`, iteration) raises `PlanError` with
the file and line; handing a symbol on to a step, `sync` or `when` is all that there is to do.

Example:
    >>> bool(Ref(Link("tests", "ref"), "tests"))
    Traceback (most recent call last):
    ...
    flows.runtime.errors.PlanError: ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from flows.runtime.errors import PlanError, call_site

__all__ = ["Link", "Outcome", "Ref", "Results", "Symbol", "Value"]

_REMEDY = "declare the branch with when(sync(…), permitted=…, broken=…), or decide it inside a step"


@dataclass(frozen=True, order=True)
class Link:
    """Which result of which node a symbol stands for."""

    node: str
    output: str

    def __str__(self) -> str:
        """Render as NODE.OUTPUT."""
        return f"{self.node}.{self.output}"


class Symbol:
    """Something that will be there when the pipeline runs."""

    __slots__ = ("_link", "_title", "_trace")

    def __init__(self, link: Link, title: str, trace: object = None) -> None:
        """Stand for `link` in one trace; `title` is for messages."""
        self._link = link
        self._title = title
        self._trace = trace

    def _refuse(self, what: str) -> NoReturn:
        raise PlanError(
            f"{what} {self._title}, which is there only when the pipeline runs", call_site(), remedy=_REMEDY
        )

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse a look at an attribute; what Python itself asks for is simply absent."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._refuse(f"looks at .{name} of")

    def __repr__(self) -> str:
        """Render as a symbol, for debuggers."""
        return f"<{self._title}>"


def _refuser(verb: str) -> Callable[..., NoReturn]:
    def refuse(self: Symbol, *_args: object) -> NoReturn:
        self._refuse(verb)

    return refuse


_LOOKS = {
    "__bool__": "branches on",
    "__len__": "counts",
    "__iter__": "iterates over",
    "__getitem__": "indexes",
    "__contains__": "searches in",
    "__str__": "prints",
    "__format__": "prints",
    "__int__": "computes with",
    "__float__": "computes with",
    "__index__": "computes with",
    "__eq__": "compares",
    "__ne__": "compares",
    "__lt__": "compares",
    "__le__": "compares",
    "__gt__": "compares",
    "__ge__": "compares",
    "__add__": "computes with",
    "__radd__": "computes with",
    "__sub__": "computes with",
    "__rsub__": "computes with",
    "__mul__": "computes with",
    "__rmul__": "computes with",
    "__truediv__": "computes with",
    "__call__": "calls",
}
for _name, _verb in _LOOKS.items():
    setattr(Symbol, _name, _refuser(_verb))


class Ref(Symbol):
    """An asset that will be there."""

    __slots__ = ()


class Value(Symbol):
    """A number or boolean that a step will return."""

    __slots__ = ()


class Results(Symbol):
    """A step's results by name: `quarantine(tests).accepted`; may be unpacked as the NamedTuple it is."""

    __slots__ = ("_by_name",)

    def __init__(self, link: Link, title: str, fields: Mapping[str, Symbol], trace: object = None) -> None:
        """Hold one symbol for each result."""
        super().__init__(link, title, trace)
        self._by_name = dict(fields)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a symbol, or no return at all
        """Return the symbol of a declared result."""
        if name in self._by_name:
            return self._by_name[name]
        return super().__getattr__(name)

    def __iter__(self) -> Any:  # noqa: ANN401 - an iterator of symbols
        """Unpack in the order of the NamedTuple."""
        return iter(self._by_name.values())

    def __len__(self) -> int:
        """Return how many results there are: that is declared, not data."""
        return len(self._by_name)


class Outcome(Symbol):
    """How a crossing will end: permitted, denied, broken or failed.

    Handle it with `.require()` (a refusal ends the pipeline), or with `when(outcome, …)`.
    """

    __slots__ = ("_require",)

    def __init__(
        self, link: Link, title: str, require: Callable[[], Ref | tuple[Ref, ...]], trace: object = None
    ) -> None:
        """Stand for a crossing's outcome."""
        super().__init__(link, title, trace)
        self._require = require

    def require(self) -> Any:  # noqa: ANN401 - a Ref, which authors see as AssetRef; of a set, a tuple of them
        """Return the asset where it arrived; of a set, its members in the order in which they were asked for.

        A refusal ends the pipeline as Denied or ContractBroken.
        """
        return self._require()
