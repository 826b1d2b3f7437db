"""A step: an ordinary function over data, bound to an environment when a pipeline calls it.

Invariants:
1. A step's first parameter is the `StepRun`; the rest are of the kinds in `tasks.steps.parameters`.
2. Every asset that it makes is declared in `outputs`, with the contract that it is made under.
3. What comes out is named: one AssetRef (or number, or boolean), or a NamedTuple of them.

Example:
    >>> @step(purpose="quality", outputs={"accepted": same_as("tests")})
    ... def keep_all(run: StepRun, tests: AssetRef) -> AssetRef:
    ...     with run.new("accepted") as out:
    ...         out.write_all(run.open(tests))
    ...         return out.commit()
    >>> keep_all.name, keep_all.on("edge").environment
    ('keep_all', 'edge')
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, get_type_hints

from data_contracts.errors import UsageError
from environments.ref import AssetRef, check_name
from tasks.steps.caller import current_caller
from tasks.steps.parameters import Kind, kind_of
from tasks.steps.run import StepRun

__all__ = ["AnyStep", "BoundStep", "Made", "Needs", "Step", "made_under", "same_as", "step"]

P = ParamSpec("P")
R = TypeVar("R")
VALUE = "value"
"""The name of a single result that is no asset."""


@dataclass(frozen=True)
class Made:
    """What an output is made under.

    Attributes:
        contract: the contract's id or `id@version`; None with `like`.
        like: the input whose contract (and name) it carries; None with `contract`.
        name: the asset's name; None is `INPUT'S NAME_OUTPUT` with `like`, else the output's name.
        checked: whether `commit` refuses what breaks the contract. False is for rows that were
            set aside *because* they break it: such a version crosses nowhere, the gate sees to it.
        lowers: the input whose labels the transform that the contract declares lowers, once it was verified
            on the output; None where every input's labels stick as they are.
    """

    contract: str | None = None
    like: str | None = None
    name: str | None = None
    checked: bool = True
    lowers: str | None = None


def same_as(parameter: str, *, name: str | None = None, checked: bool = True) -> Made:
    """Declare an output under the contract of the input `parameter`."""
    return Made(like=parameter, name=name, checked=checked)


def made_under(
    contract: str, *, name: str | None = None, checked: bool = True, lowers: str | None = None
) -> Made:
    """Declare an output under a contract of the site, by id."""
    return Made(contract=contract, name=name, checked=checked, lowers=lowers)


@dataclass(frozen=True)
class Needs:
    """What placement must know of a step that no `.on(…)` pins.

    Attributes:
        hours: of compute, as far as its author knows.
        accelerator: `gpu` and the like, or None.
        latency_ms: the most that its answer may take to reach whoever asked, or None.
        output_share: how large its outputs are, as a share of its inputs.
    """

    hours: float = 0.1
    accelerator: str | None = None
    latency_ms: float | None = None
    output_share: float = 1.0


@dataclass(frozen=True, eq=False)
class Step(Generic[P, R]):
    """A step; call it inside a pipeline, or `.fn` it in a test.

    Attributes:
        fn: the function itself.
        name: its name in plans, graphs and environments' files.
        purpose: for which its inputs may cross to where it runs.
        outputs: result name to what it is made under.
        inputs: parameter to kind, in order; without the `StepRun`.
        defaults: parameter to its default.
        results: result name to kind, in order.
        shape: the NamedTuple of the results; None for a single one or none.
        needs: for placement.
        description: the docstring's first line.
    """

    fn: Callable[Concatenate[StepRun, P], R]
    name: str
    purpose: str
    outputs: Mapping[str, Made]
    inputs: Mapping[str, Kind] = field(repr=False)
    defaults: Mapping[str, object] = field(repr=False)
    results: Mapping[str, Kind] = field(repr=False)
    shape: type[Any] | None = field(default=None, repr=False)
    needs: Needs = field(default_factory=Needs, repr=False)
    description: str = field(default="", repr=False)

    def on(self, environment: str) -> BoundStep[P, R]:
        """Return the step pinned to an environment: `train.on("cloud")(tests)`."""
        return BoundStep(self, check_name(environment, f"{self.name}.on"))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it where placement will put it; only inside a pipeline."""
        return _call(self, None, args, kwargs)

    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        """Return every parameter's argument by name, defaults included.

        Raises:
            UsageError: too many, too few or unknown.
        """
        names = list(self.inputs)
        given: dict[str, object] = dict(zip(names, args, strict=False)) | dict(kwargs)
        missing = [name for name in names if name not in given and name not in self.defaults]
        if len(args) > len(names) or set(given) - set(names) or set(names[: len(args)]) & set(kwargs):
            raise UsageError(f"step {self.name}: it takes {', '.join(names)}")
        if missing:
            raise UsageError(f"step {self.name}: without {', '.join(missing)}")
        return {name: given.get(name, self.defaults.get(name)) for name in names}

    def unpack(self, result: object) -> dict[str, object]:
        """Return a run's results by name.

        Raises:
            UsageError: the function returned something else than it declares.
        """
        if self.shape is not None and isinstance(result, self.shape):
            values = dict(zip(self.results, tuple(result), strict=True))
        elif self.shape is None:
            values = dict.fromkeys(self.results, result) if self.results else {}
        else:
            raise UsageError(f"step {self.name}: returned something else than it declares")
        for name, value in values.items():
            wanted = AssetRef if name in self.outputs else (bool, int, float)
            if not isinstance(value, wanted):
                raise UsageError(f"step {self.name}: result {name} is of another type than it declares")
        return values


AnyStep = Step[Any, Any]


@dataclass(frozen=True)
class BoundStep(Generic[P, R]):
    """A step pinned to one environment."""

    step: Step[P, R]
    environment: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it there; only inside a pipeline."""
        return _call(self.step, self.environment, args, kwargs)


def _call(step: Step[P, R], environment: str | None, args: Any, kwargs: Any) -> R:  # noqa: ANN401
    caller = current_caller()
    if caller is None:
        raise UsageError(
            f"step {step.name} was called outside a pipeline",
            remedy=f"call it in a function with @pipeline, or {step.name}.fn(run, …) in a test",
        )
    result: Any = caller.call(step, environment, step.bind(args, kwargs))
    return result  # type: ignore[no-any-return]


def step(
    *,
    purpose: str,
    outputs: Mapping[str, Made | str] | None = None,
    needs: Needs | None = None,
    name: str | None = None,
) -> Callable[[Callable[Concatenate[StepRun, P], R]], Step[P, R]]:
    """Make a step of a function.

    Args:
        purpose: for which its inputs may cross to where it runs (`model-training`).
        outputs: each asset that it makes: `same_as(INPUT)`, `made_under(CONTRACT)`, or just the
            contract's id. The names are those of the NamedTuple that it returns, or the one name
            for a single AssetRef.
        needs: what placement must know; only for steps that are called without `.on(…)`.
        name: instead of the function's own.

    Raises:
        UsageError: the function's parameters or results are not what a step may have.
    """
    check_name(purpose, "the purpose")

    def decorate(function: Callable[Concatenate[StepRun, P], R]) -> Step[P, R]:
        declared = {
            key: Made(contract=made) if isinstance(made, str) else made
            for key, made in (outputs or {}).items()
        }
        own = check_name(name or getattr(function, "__name__", ""), "the step's name")
        inputs, defaults = _inputs(function, own)
        results, shape = _results(function, own, declared)
        for key, made in declared.items():
            if made.like is not None and made.like not in inputs:
                raise UsageError(f"step {own}: output {key} is same_as({made.like!r}), which is no input")
            if made.lowers is not None and made.lowers not in inputs:
                raise UsageError(f"step {own}: output {key} lowers {made.lowers!r}, which is no input")
        return Step(
            fn=function,
            name=own,
            purpose=purpose,
            outputs=declared,
            inputs=inputs,
            defaults=defaults,
            results=results,
            shape=shape,
            needs=needs or Needs(),
            description=(inspect.getdoc(function) or "").split("\n", 1)[0],
        )

    return decorate


def _hints(function: Callable[..., object]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise UsageError(
            f"step {function.__name__}: an annotation names what is not there: {error.name}"
        ) from None


def _inputs(function: Callable[..., object], own: str) -> tuple[dict[str, Kind], dict[str, object]]:
    hints = _hints(function)
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or hints.get(parameters[0].name) is not StepRun:
        raise UsageError(f"step {own}: its first parameter must be `run: StepRun`")
    kinds: dict[str, Kind] = {}
    defaults: dict[str, object] = {}
    for parameter in parameters[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UsageError(f"step {own}: takes *{parameter.name}; name each parameter")
        try:
            kinds[parameter.name] = kind_of(hints.get(parameter.name))
        except UsageError as error:
            raise UsageError(f"step {own}, {parameter.name}: {error}", remedy=error.remedy) from None
        if parameter.default is not parameter.empty:
            defaults[parameter.name] = parameter.default
    return kinds, defaults


def _results(
    function: Callable[..., object], own: str, outputs: Mapping[str, Made]
) -> tuple[dict[str, Kind], type[Any] | None]:
    annotation = _hints(function).get("return", type(None))
    shape: type[Any] | None = None
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        shape = annotation
        types = {key: get_type_hints(annotation).get(key) for key in annotation._fields}
    elif annotation is type(None):
        types = {}
    elif annotation is AssetRef:
        types = dict.fromkeys(outputs, AssetRef)
        if len(types) != 1:
            raise UsageError(f"step {own}: one AssetRef needs exactly one entry in outputs")
    else:
        types = {VALUE: annotation}
    assets = {key for key, kind in types.items() if kind is AssetRef}
    if assets != set(outputs):
        odd = ", ".join(sorted(assets ^ set(outputs)))
        raise UsageError(
            f"step {own}: results and outputs differ: {odd}", remedy="name each AssetRef in outputs"
        )
    strange = [key for key, kind in types.items() if kind not in (AssetRef, bool, int, float)]
    if strange:
        raise UsageError(f"step {own}: result {strange[0]} must be an AssetRef, int, float or bool")
    return {key: kind_of(kind) for key, kind in types.items()}, shape
