"""Placement: the hospital's three cases, every kind of reason, and the optimum against brute force."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import DeniedError, UsageError
from environments.placement import (
    DataNeed,
    EnvironmentOffer,
    Placement,
    PlacementProblem,
    PlacementRefused,
    Ruling,
    StepNeed,
    place,
)

YES = Ruling(lawful=True)
GIB = 1024**3

ONPREM = EnvironmentOffer(
    "onprem", frozenset({"h.train", "h.clean"}), "2.0", {"cloud": "0", "edge": "0"}, frozenset(), 5.0
)
CLOUD = EnvironmentOffer("cloud", frozenset({"h.train"}), "0.5", {"*": "0.09"}, frozenset({"gpu"}), 40.0)
EDGE = EnvironmentOffer("edge", frozenset({"h.infer"}), "3.0", {}, frozenset(), 2.0)
ALL = (ONPREM, CLOUD, EDGE)


def covid_asset(rulings: dict[tuple[str, str], Ruling], size: int = 2_000_000) -> DataNeed:
    return DataNeed("tests", "covid_tests@onprem", source="onprem", size=size, rulings=rulings)


def train(rulings: dict[tuple[str, str], Ruling], **changes: object) -> StepNeed:
    return replace(StepNeed("train", "h.train", "model-training", (covid_asset(rulings),)), **changes)


def reasons(placement: Placement, step: str) -> dict[str, set[str]]:
    chosen = next(choice for choice in placement.chosen if choice.step == step)
    found: dict[str, set[str]] = {}
    for reason in chosen.excluded:
        found.setdefault(reason.environment, set()).add(reason.rule)
    return found


PERMITTED = {("onprem", "cloud"): YES}


def test_train_goes_to_the_cheaper_cloud_and_brings_its_crossing() -> None:
    placement = place(PlacementProblem(ALL, (train(PERMITTED),)))
    assert placement["train"] == "cloud"
    (crossing,) = placement.crossings
    assert (crossing.data, crossing.source, crossing.destination) == ("covid_tests@onprem", "onprem", "cloud")
    assert (crossing.purpose, crossing.needs) == ("model-training", (("train", "tests"),))
    assert reasons(placement, "train") == {
        "onprem": {"cost"},
        "edge": {"step-not-listed", "no-terms"},
    }
    why = next(r for r in placement.chosen[0].excluded if r.environment == "onprem")
    assert why.reason == "the plan would cost 2 instead of 0.5 EUR: 1.5 more"


def test_without_terms_for_the_cloud_it_stays_home_and_nothing_crosses() -> None:
    placement = place(PlacementProblem(ALL, (train({}),)))
    assert placement["train"] == "onprem"
    assert placement.crossings == ()
    assert reasons(placement, "train")["cloud"] == {"no-terms"}


def test_refused_with_every_environment_s_reasons_when_home_does_not_list_the_step() -> None:
    home = replace(ONPREM, steps=frozenset({"h.clean"}))
    with pytest.raises(PlacementRefused) as refusal:
        place(PlacementProblem((home, CLOUD, EDGE), (train({}),)))
    assert isinstance(refusal.value, DeniedError)
    assert refusal.value.step == "train"
    assert {(r.environment, r.rule) for r in refusal.value.reasons} == {
        ("onprem", "step-not-listed"),
        ("cloud", "no-terms"),
        ("edge", "step-not-listed"),
        ("edge", "no-terms"),
    }
    assert "onprem: step-not-listed" in str(refusal.value)


def test_a_rule_that_refuses_is_named_as_the_caller_named_it() -> None:
    ruling = Ruling(lawful=False, rules=("clearance", "purpose"), reason="confidential exceeds public")
    placement = place(PlacementProblem(ALL, (train({("onprem", "cloud"): ruling}),)))
    assert placement["train"] == "onprem"
    assert reasons(placement, "train")["cloud"] == {"clearance", "purpose"}


def test_a_refusal_without_a_rule_still_refuses() -> None:
    placement = place(PlacementProblem(ALL, (train({("onprem", "cloud"): Ruling(lawful=False)}),)))
    assert reasons(placement, "train")["cloud"] == {"unexplained"}


def test_no_price_of_egress_excludes_rather_than_being_free() -> None:
    home = replace(ONPREM, egress_gib={"edge": 0})
    placement = place(PlacementProblem((home, CLOUD, EDGE), (train(PERMITTED),)))
    assert placement["train"] == "onprem"
    assert reasons(placement, "train")["cloud"] == {"egress-price"}


def test_gravity_large_data_stays_where_it_is() -> None:
    home = replace(ONPREM, egress_gib={"*": "0.09"})
    need = covid_asset(PERMITTED, size=100 * GIB)
    placement = place(PlacementProblem((home, CLOUD, EDGE), (train(PERMITTED, inputs=(need,)),)))
    assert placement["train"] == "onprem"
    assert placement.cost == 2
    assert reasons(placement, "train")["cloud"] == {"cost"}


def test_accelerator_and_latency_exclude_with_their_numbers() -> None:
    gpu = place(PlacementProblem(ALL, (train(PERMITTED, accelerator="gpu"),)))
    assert gpu["train"] == "cloud"
    assert reasons(gpu, "train")["onprem"] == {"accelerator"}
    near = place(PlacementProblem(ALL, (train(PERMITTED, latency_ms=10.0),)))
    assert near["train"] == "onprem"
    assert "it offers 40 ms" in str(near.chosen[0].excluded)
    unknown = replace(CLOUD, latency_ms=None)
    blind = place(PlacementProblem((ONPREM, unknown, EDGE), (train(PERMITTED, latency_ms=10.0),)))
    assert reasons(blind, "train")["cloud"] == {"latency"}


def test_ties_go_by_name_whatever_the_order_of_the_environments() -> None:
    twins = tuple(EnvironmentOffer(name, frozenset({"s"}), 1, {"*": 0}) for name in ("b", "a", "c"))
    for order in itertools.permutations(twins):
        placement = place(PlacementProblem(order, (StepNeed("x", "s", "p"),)))
        assert placement["x"] == "a"
        assert reasons(placement, "x") == {"b": {"tie-by-name"}, "c": {"tie-by-name"}}


def test_a_pin_is_kept_and_is_the_reason_against_the_rest() -> None:
    placement = place(PlacementProblem(ALL, (train(PERMITTED, pinned="onprem"),)))
    assert placement["train"] == "onprem"
    assert reasons(placement, "train")["cloud"] == {"pinned"}


def test_a_pin_does_not_make_it_lawful() -> None:
    with pytest.raises(PlacementRefused) as refusal:
        place(PlacementProblem(ALL, (train({}, pinned="cloud"),)))
    assert ("cloud", "no-terms") in {(r.environment, r.rule) for r in refusal.value.reasons}
    assert ("onprem", "pinned") in {(r.environment, r.rule) for r in refusal.value.reasons}


def test_the_choice_is_joint_a_cheap_first_step_that_blocks_the_second_is_not_taken() -> None:
    first = StepNeed("first", "s", "p")
    made = DataNeed("x", "first.out", producer="first", size=1, rulings={("b", "c"): YES})
    second = StepNeed("second", "t", "p", (made,))
    a = EnvironmentOffer("a", frozenset({"s"}), 0, {"*": 0})
    b = EnvironmentOffer("b", frozenset({"s"}), 5, {"*": 0})
    c = EnvironmentOffer("c", frozenset({"t"}), 1, {"*": 0})
    placement = place(PlacementProblem((a, b, c), (first, second)))
    assert (placement["first"], placement["second"]) == ("b", "c")
    assert reasons(placement, "first")["a"] == {"downstream"}


def test_what_arrived_by_a_crossing_crosses_no_further() -> None:
    everywhere = {(x, y): YES for x in ("a", "b", "c") for y in ("a", "b", "c")}
    raw = DataNeed("raw", "raw@a", source="a", size=1, rulings=everywhere)
    clean = StepNeed("clean", "s", "p", (raw,))
    again = DataNeed("x", "clean.out", producer="clean", size=1, rulings=everywhere, inherits="raw")
    use = StepNeed("use", "t", "p", (again,))
    a = EnvironmentOffer("a", frozenset({"s"}), 9, {"*": 0})
    b = EnvironmentOffer("b", frozenset({"s"}), 0, {"*": 0})
    c = EnvironmentOffer("c", frozenset({"t"}), 0, {"*": 0})
    placement = place(PlacementProblem((a, b, c), (clean, use)))
    assert (placement["clean"], placement["use"]) == ("a", "c")
    free = replace(use, inputs=(replace(again, inherits=None),))
    assert place(PlacementProblem((a, b, c), (clean, free)))["clean"] == "b"


def test_one_crossing_serves_two_steps_and_is_paid_once() -> None:
    need = covid_asset(PERMITTED, size=GIB)
    home = replace(ONPREM, egress_gib={"*": "1"}, steps=frozenset())
    steps = tuple(StepNeed(name, "h.train", "model-training", (need,)) for name in ("one", "two"))
    placement = place(PlacementProblem((home, CLOUD, EDGE), steps))
    assert placement.cost == 2  # 2 x 0.5 of compute, once 1 of egress
    (crossing,) = placement.crossings
    assert crossing.needs == (("one", "tests"), ("two", "tests"))


def test_a_dearer_beginning_that_has_paid_for_a_crossing_is_kept() -> None:
    need = DataNeed("x", "d@c", source="c", size=GIB, rulings={("c", "a"): YES})
    first, second = StepNeed("first", "s", "p", (need,)), StepNeed("second", "t", "p", (need,))
    a = EnvironmentOffer("a", frozenset({"s", "t"}), 0)
    c = EnvironmentOffer("c", frozenset({"s"}), 4, {"a": 5})
    placement = place(PlacementProblem((a, c), (first, second)))
    assert (placement["first"], placement["second"], placement.cost) == ("a", "a", 5)


def test_a_dearer_beginning_whose_output_may_still_cross_is_kept() -> None:
    anywhere = {(x, y): YES for x in "abc" for y in "abc"}
    made = DataNeed("x", "s0.out", producer="s0", size=1, rulings=anywhere)
    kept = DataNeed("y", "s1.out", producer="s1", size=1, rulings=anywhere, inherits="x")
    steps = (StepNeed("s0", "s", "p"), StepNeed("s1", "t", "p", (made,)), StepNeed("s2", "u", "p", (kept,)))
    a = EnvironmentOffer("a", frozenset({"s"}), 0, {"*": 0})
    b = EnvironmentOffer("b", frozenset({"s", "t"}), 5, {"*": 0})
    c = EnvironmentOffer("c", frozenset({"u"}), 0, {"*": 0})
    placement = place(PlacementProblem((a, b, c), steps))
    assert [choice.environment for choice in placement.chosen] == ["b", "b", "c"]


def test_amounts_are_exact() -> None:
    offer = EnvironmentOffer("a", frozenset({"s"}), 0.1)
    placement = place(PlacementProblem((offer,), tuple(StepNeed(f"x{i}", "s", "p") for i in range(3))))
    assert placement.cost == Fraction(3, 10)
    assert placement.to_json()["cost"] == "0.3"


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), "many"])
def test_amounts_that_are_no_price_are_refused(amount: float | str) -> None:
    with pytest.raises(UsageError):
        PlacementProblem((EnvironmentOffer("a", compute_hour=amount),), ())


def test_malformed_problems_are_refused() -> None:
    with pytest.raises(UsageError, match="two environments"):
        PlacementProblem((CLOUD, CLOUD), ())
    with pytest.raises(UsageError, match="currency"):
        PlacementProblem((CLOUD, replace(EDGE, currency="USD")), ())
    with pytest.raises(UsageError, match="no environment is named"):
        PlacementProblem((CLOUD,), (train({}),))
    with pytest.raises(UsageError, match="no step before it"):
        PlacementProblem(ALL, (StepNeed("a", "s", "p", (DataNeed("x", "x", producer="later"),)),))
    with pytest.raises(UsageError, match="source or a producer"):
        PlacementProblem(ALL, (StepNeed("a", "s", "p", (DataNeed("x", "x"),)),))


def test_a_long_chain_is_no_exponential() -> None:
    offers = tuple(EnvironmentOffer(name, frozenset({"s"}), i + 1, {"*": 1}) for i, name in enumerate("abc"))
    anywhere = {(x, y): YES for x in "abc" for y in "abc"}
    steps = [StepNeed("s0", "s", "p", (DataNeed("x", "d", source="c", size=GIB, rulings=anywhere),))]
    for i in range(1, 40):
        need = DataNeed("x", f"d{i}", producer=f"s{i - 1}", size=GIB, rulings=anywhere)
        steps.append(StepNeed(f"s{i}", "s", "p", (need,)))
    placement = place(PlacementProblem(offers, tuple(steps)))
    assert {choice.environment for choice in placement.chosen} == {"a"}
    assert placement.cost == 41


# --- the optimum against brute force -------------------------------------------------------------

NAMES = ("a", "b", "c")
PRICES = st.sampled_from([0, 1, 2, "0.3"])


@st.composite
def problems(draw: st.DrawFn) -> PlacementProblem:
    offers = tuple(
        EnvironmentOffer(
            name,
            frozenset(draw(st.sets(st.sampled_from(["s", "t"]), min_size=1))),
            draw(PRICES),
            draw(st.dictionaries(st.sampled_from([*NAMES, "*"]), PRICES, max_size=4)),
            frozenset(draw(st.sets(st.just("gpu")))),
        )
        for name in draw(st.permutations(NAMES))
    )
    steps: list[StepNeed] = []
    for index in range(draw(st.integers(1, 4))):
        needs = tuple(draw_need(draw, steps, f"x{n}") for n in range(draw(st.integers(0, 2))))
        steps.append(
            StepNeed(
                f"step{index}",
                draw(st.sampled_from(["s", "t"])),
                draw(st.sampled_from(["p", "q"])),
                needs,
                draw(st.sampled_from([0, 1, "0.5"])),
                draw(st.sampled_from([None, None, None, "gpu"])),
                None,
                draw(st.sampled_from([None, None, None, *NAMES])),
            )
        )
    return PlacementProblem(offers, tuple(steps))


def draw_need(draw: st.DrawFn, before: list[StepNeed], name: str) -> DataNeed:
    pairs = [(x, y) for x in NAMES for y in NAMES if x != y]
    lawful = draw(st.sets(st.sampled_from(pairs), min_size=3))
    rulings = {pair: Ruling(lawful=pair in lawful, rules=("no",)) for pair in pairs}
    if before and draw(st.booleans()):
        maker = draw(st.sampled_from(before))
        names = [None, *(need.name for need in maker.inputs)]
        return DataNeed(
            name, f"{maker.id}.out", producer=maker.id, size=GIB, rulings=rulings,
            inherits=draw(st.sampled_from(names)),
        )  # fmt: skip
    source = draw(st.sampled_from(NAMES))
    return DataNeed(name, f"d@{source}", source=source, size=GIB, rulings=rulings)


class Bill:
    """The cost of one assignment, written anew from the definitions; None where it is unlawful."""

    def __init__(self, problem: PlacementProblem, places: tuple[str, ...]) -> None:
        self.steps = problem.steps
        self.offers = {offer.name: offer for offer in problem.environments}
        self.where = {step.id: place_ for step, place_ in zip(problem.steps, places, strict=True)}
        self.calls = {step.id: step for step in problem.steps}

    def source(self, need: DataNeed) -> str:
        return need.source or self.where[str(need.producer)]

    def exhausted(self, need: DataNeed) -> bool:
        if need.inherits is None:
            return False
        maker = self.calls[str(need.producer)]
        origin = next(other for other in maker.inputs if other.name == need.inherits)
        return self.source(origin) != self.where[maker.id] or self.exhausted(origin)

    def fee(self, need: DataNeed, here: str) -> Fraction | None:
        prices = self.offers[self.source(need)].egress_gib
        fee = prices.get(here, prices.get("*"))
        if fee is None or self.exhausted(need) or not need.rulings[self.source(need), here].lawful:
            return None
        return Fraction(str(fee))

    def allowed(self, step: StepNeed) -> bool:
        here = self.offers[self.where[step.id]]
        equipped = step.accelerator is None or step.accelerator in here.accelerators
        return step.step in here.steps and step.pinned in (None, here.name) and equipped

    def total(self) -> Fraction | None:
        if not all(self.allowed(step) for step in self.steps):
            return None
        bought: dict[object, Fraction] = {}
        for step in self.steps:
            here = self.where[step.id]
            for need in step.inputs:
                if self.source(need) == here:
                    continue
                fee = self.fee(need, here)
                if fee is None:
                    return None
                bought[need.data, step.purpose, self.source(need), here] = fee
        work = (
            Fraction(str(step.hours)) * Fraction(str(self.offers[self.where[step.id]].compute_hour))
            for step in self.steps
        )
        return sum(work, Fraction(0)) + sum(bought.values(), Fraction(0))


@settings(max_examples=400, deadline=None)
@given(problems())
def test_the_optimum_is_the_one_that_brute_force_finds(problem: PlacementProblem) -> None:
    lawful = [
        (cost, places)
        for places in itertools.product(NAMES, repeat=len(problem.steps))
        if (cost := Bill(problem, places).total()) is not None
    ]
    if not lawful:
        with pytest.raises(PlacementRefused) as refusal:
            place(problem)
        assert {reason.environment for reason in refusal.value.reasons} == set(NAMES)
        return
    placement = place(problem)
    found = tuple(choice.environment for choice in placement.chosen)
    assert (placement.cost, found) == min(lawful)
    bill = sum((choice.compute_cost for choice in placement.chosen), Fraction(0))
    assert placement.cost == bill + sum((crossing.cost for crossing in placement.crossings), Fraction(0))
    for choice in placement.chosen:
        told = {reason.environment for reason in choice.excluded}
        assert told == set(NAMES) - {choice.environment}
