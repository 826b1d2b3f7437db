"""Pipelines: ordinary Python that is planned before it runs.

Example:
    ```python
    from flows.runtime import AssetRef, latest, pipeline, sync, when

    @pipeline(home="onprem", description="Train where it is lawful and cheap, score at the clinic.")
    def clinic(tests: AssetRef = latest("covid_tests", environment="onprem")) -> None:
        model = train(tests)                                  # placement chooses; a crossing may be inserted
        at_edge = sync(model, to="edge", purpose="batch-inference").require()
        batch_infer.on("edge")(at_edge)
    ```
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_type_hints

from data_contracts.errors import UsageError
from environments.ref import AssetRef, check_name, parse_asset
from flows.runtime.program import Program, SourceAsset
from flows.runtime.symbols import Link, Outcome, Ref
from flows.runtime.tracing import Tracer, current_tracer
from tasks.steps.definition import AnyStep, Step
from tasks.steps.parameters import Kind, kind_of

__all__ = ["Latest", "Pipeline", "latest", "pipeline", "queue", "sync", "when"]


@dataclass(frozen=True)
class Latest:
    """A parameter's default: the newest version of an asset when the run starts.

    Attributes:
        name: the asset.
        environment: whose store pins it.
        contract: for a plan before the asset exists; the store's own word counts once it does.
    """

    name: str
    environment: str
    contract: str | None = None


def latest(name: str, *, environment: str, contract: str | None = None) -> AssetRef:
    """Default an asset parameter to `NAME@latest` of an environment, pinned when a run starts.

    Args:
        name: the asset's name.
        environment: where it lies.
        contract: the contract that it will have, so that `isthmus plan` works before it is there.
    """
    default: Any = Latest(check_name(name, "latest"), check_name(environment, "environment"), contract)
    return default  # type: ignore[no-any-return]


def sync(what: AssetRef | Sequence[AssetRef], *, to: str, purpose: str) -> Outcome:
    """Ask for a crossing: `egress` here, `ingress` there, `settle` here.

    Several assets of one environment, in a list, are one crossing: all become visible there at once, or none.

    Returns:
        How it ends. `.require()` gives the asset where it arrived (of a list, all of them, in its order);
        `when(outcome, …)` branches. A refusal that nobody handles ends the pipeline as Denied or
        ContractBroken.
    """
    return current_tracer("sync()").sync(what, to, purpose)


def queue(what: AssetRef | Sequence[AssetRef], *, to: str, purpose: str) -> None:
    """Put a crossing into the outbox of the environment where the asset is, and go on.

    For what is made beside a link that may be down for weeks: the run ends when its work is done, and that
    environment's pump sends when it can, in the order in which versions were queued. Nothing comes back: what
    the gate decides then is in the ledger, and `isthmus outbox list` and `isthmus asset status` show it. The
    run fails where the outbox takes nothing more.

    Several assets of one environment, in a list, are one crossing.
    """
    current_tracer("queue()").queue(what, to, purpose)


def when(
    outcome: Outcome,
    *,
    permitted: Callable[[], AssetRef | None] | None = None,
    denied: Callable[[], AssetRef | None] | None = None,
    broken: Callable[[], AssetRef | None] | None = None,
    failed: Callable[[], AssetRef | None] | None = None,
) -> AssetRef:
    """Branch on how a crossing ends; every arm is planned, exactly one runs.

    Args:
        outcome: what `sync` returned.
        permitted: by default, the asset where it arrived.
        denied: terms or policy refuse it.
        broken: the data breaks its contract.
        failed: anything else.

    Returns:
        What the arm returns. A refusal without an arm ends the pipeline.
    """
    arms = {"permitted": permitted, "denied": denied, "broken": broken, "failed": failed}
    chosen: Any = current_tracer("when()").when(outcome, arms)
    return chosen  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A pipeline; made by `@pipeline`.

    Attributes:
        fn: the function itself.
        name: of the Prefect flow.
        home: the environment whose worker runs it.
        description: for people.
    """

    fn: Callable[..., object] = field(repr=False)
    name: str
    home: str
    description: str = ""

    @cached_property
    def assets(self) -> dict[str, Latest]:
        """Asset parameters, with what they default to."""
        return {
            name: parameter.default
            for name, parameter in inspect.signature(self.fn).parameters.items()
            if isinstance(parameter.default, Latest)
        }

    @cached_property
    def options(self) -> dict[str, tuple[Kind, object]]:
        """The other parameters, with kind and default."""
        hints = get_type_hints(self.fn, include_extras=True)
        found: dict[str, tuple[Kind, object]] = {}
        for name, parameter in inspect.signature(self.fn).parameters.items():
            if name in self.assets:
                continue
            if hints.get(name) is AssetRef or parameter.default is parameter.empty:
                raise UsageError(
                    f"pipeline {self.name}, parameter {name}: without a default",
                    remedy="schedules and forms need one; for an asset, latest(NAME, environment=…)",
                )
            found[name] = (kind_of(hints.get(name)), parameter.default)
        return found

    @cached_property
    def steps(self) -> dict[str, AnyStep]:
        """The steps that the pipeline's module holds, by name."""
        module = vars(sys.modules[self.fn.__module__]) if self.fn.__module__ in sys.modules else {}
        held = {**module, **self.fn.__globals__}
        found: dict[str, AnyStep] = {}
        for value in held.values():
            if isinstance(value, Step) and found.setdefault(value.name, value) is not value:
                raise UsageError(f"pipeline {self.name}: two steps are named {value.name}")
        return dict(sorted(found.items()))

    def __call__(self, *_args: object, **_kwargs: object) -> None:
        """Refuse a plain call: nothing would be where the body thinks it is."""
        raise UsageError(
            f"pipeline {self.name} was called like a function",
            remedy=f"run it with `isthmus run {self.name}`, look at it with `isthmus plan {self.name}`",
        )

    def read(self, given: Mapping[str, object]) -> tuple[tuple[SourceAsset, ...], dict[str, object]]:
        """Read parameters as they come from a form, a schedule or the command line.

        Returns:
            The assets to start from, and the other parameters as Python values.

        Raises:
            UsageError: one is unknown or not of its kind; the text has no value.
        """
        unknown = set(given) - set(self.assets) - set(self.options)
        if unknown:
            known = ", ".join([*self.assets, *self.options]) or "none"
            raise UsageError(
                f"pipeline {self.name}: {len(unknown)} unknown parameters", remedy=f"it takes: {known}"
            )
        sources = [
            _source(name, default, given.get(name, f"{default.name}@latest"))
            for name, default in self.assets.items()
        ]
        options = {
            name: kind.parse(given[name], name, None) if name in given else default
            for name, (kind, default) in self.options.items()
        }
        return tuple(sources), options

    def trace(self, given: Mapping[str, object] | None = None) -> Program:
        """Run the body over symbols and return what it calls.

        Raises:
            PlanError: the body does what cannot be planned; with file and line.
        """
        sources, options = self.read(given or {})
        symbols = {
            source.parameter: Ref(Link(source.parameter, "ref"), source.parameter) for source in sources
        }
        nodes = Tracer(self.steps).trace(lambda: self.fn(**symbols, **options), symbols)
        return Program(self.name, self.home, sources, nodes)


def _source(parameter: str, default: Latest, given: object) -> SourceAsset:
    if not isinstance(given, str):
        raise UsageError(f"parameter {parameter}: not NAME@latest or NAME@sha256:<64 hex digits>")
    name, version = parse_asset(given)
    return SourceAsset(parameter, name, default.environment, version)


def pipeline(
    *, home: str, description: str = "", name: str | None = None
) -> Callable[[Callable[..., object]], Pipeline]:
    """Make a pipeline of a function whose asset parameters default to `latest(…)`.

    Args:
        home: the environment whose worker runs the pipeline itself (it sees no data).
        description: shown in the Prefect UI; by default the docstring's first line.
        name: instead of the function's own.
    """

    def decorate(function: Callable[..., object]) -> Pipeline:
        own = check_name(name or function.__name__, "the pipeline's name")
        text = description or (inspect.getdoc(function) or "").split("\n", 1)[0]
        return Pipeline(function, own, check_name(home, "home"), text)

    return decorate
