"""`boundaries:` of an environment file: what it makes, every mistake with its line, and what budgets say."""

from __future__ import annotations

import datetime as dt
import json
import pickle
from pathlib import Path

import jsonschema
import pytest

from data_contracts.errors import DeclarationError
from data_contracts.yamlsource import parse_yaml
from environments.boundaries import BoundaryLimits, Budget, budget_hold, most_urgent, window_hold
from environments.loading import load_profiles
from environments.profile import Profile
from environments.timetable import parse_window

ROOT = Path(__file__).parents[3]
HEAD = "name: {}\nkind: cloud\njurisdiction: DE\nclearance: internal\nsteps: []\n"
WHOLE = """boundaries:
  - with: there
    direction: send
    limit: 100 Mbit/s
    parallel: 4
    windows: [mon-fri 22:00-06:00 Europe/Berlin, sat-sun 00:00-24:00 Europe/Berlin]
    budget: [{bytes: 50 GB, per: day, zone: Europe/Berlin}, {bytes: 1 TiB, per: month}]
    priorities:
      purposes: {model-training: 2}
      assets: {alarms: 9}
  - with: there
    direction: fetch
    limit: 20 MiB/s
"""
NOW = dt.datetime(2026, 11, 27, 23, 30, tzinfo=dt.UTC)


def files(folder: Path, here: str) -> Profile:
    (folder / "here.yaml").write_text(HEAD.format("here") + here)
    (folder / "there.yaml").write_text(HEAD.format("there"))
    return load_profiles(folder)["here"]


def test_what_is_declared(tmp_path: Path) -> None:
    profile = files(tmp_path, WHOLE)
    send, fetch = profile.limits_with("there", "send"), profile.limits_with("there", "fetch")
    assert send is not None
    assert fetch is not None
    assert (send.limit, send.parallel, len(send.windows)) == (12_500_000, 4, 2)
    assert [(b.bytes, b.per, b.zone) for b in send.budget] == [
        (50 * 10**9, "day", "Europe/Berlin"),
        (2**40, "month", "UTC"),
    ]
    assert send.priority("visits", "model-training") == 2
    assert send.priority("alarms", "model-training") == 9
    assert send.priority("visits", "reporting") == 5
    assert (fetch.limit, fetch.budget) == (20 * 2**20, ())
    assert profile.limits_with("elsewhere", "send") is None
    assert pickle.loads(pickle.dumps(profile)) == profile  # noqa: S301 - our own bytes
    assert "boundaries" not in profile.to_json()


def test_one_entry_for_both_directions(tmp_path: Path) -> None:
    profile = files(tmp_path, "boundaries: [{with: there, limit: 1 GB/s}]")
    assert profile.limits_with("there", "send") == profile.limits_with("there", "fetch")
    assert profile.limits_with("there", "send") is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[{with: there}]", "boundaries.0: it limits nothing"),
        ("[{limit: 1 MB/s}]", "boundaries.0: 'with' is missing"),
        ("[{with: nowhere, limit: 1 MB/s}]", "boundaries.0.with: 'nowhere' is no other environment"),
        ("[{with: here, limit: 1 MB/s}]", "boundaries.0.with: 'here' is no other environment"),
        ("[{with: there, limt: 1 MB/s, parallel: 2}]", "boundaries.0.limt: an unknown key"),
        ("[{with: there, limit: 20}]", "boundaries.0.limit: 20 is not of the form"),
        ("[{with: there, limit: 20 MB}]", "boundaries.0.limit: '20 MB' is not of the form"),
        ("[{with: there, limit: 0 MB/s}]", "boundaries.0.limit: '0 MB/s' is not of the form"),
        ("[{with: there, parallel: 0}]", "boundaries.0.parallel: 0 is out of bounds"),
        ("[{with: there, windows: []}]", "boundaries.0.windows: no window"),
        ("[{with: there, windows: [nightly]}]", "boundaries.0.windows.0: 'nightly' is no window"),
        ("[{with: there, windows: [7]}]", "boundaries.0.windows.0: 7 is no window"),
        (
            "[{with: there, windows: [22:00-06:00 UTC, 22:00-06:00 UTC]}]",
            "boundaries.0.windows.1: '22:00-06:00 UTC' stands here twice",
        ),
        ("[{with: there, budget: {bytes: 50 GB}}]", "boundaries.0.budget: 'per' is missing"),
        (
            "[{with: there, budget: {bytes: 50 GB, per: year}}]",
            "boundaries.0.budget.per: 'year' is none of the words",
        ),
        ("[{with: there, budget: {bytes: 1 MB, per: day}}]", "boundaries.0.budget.bytes: 1,000,000 bytes"),
        (
            "[{with: there, budget: {bytes: 1 GB, per: day, zone: Mars/Base}}]",
            "boundaries.0.budget.zone: 'Mars/Base' is no time zone",
        ),
        (
            "[{with: there, budget: [{bytes: 1 GB, per: day}, {bytes: 2 GB, per: day}]}]",
            "boundaries.0.budget: two budgets of one period",
        ),
        (
            "[{with: there, limit: 1 MB/s, priorities: {purposes: {a: 10}}}]",
            "boundaries.0.priorities.purposes.a: 10 is out of bounds",
        ),
        (
            "[{with: there, limit: 1 MB/s, priorities: {assets: {'A b': 1}}}]",
            "boundaries.0.priorities.assets.A b: 'A b' is no name",
        ),
        (
            "[{with: there, limit: 1 MB/s, direction: up}]",
            "boundaries.0.direction: 'up' is none of the words",
        ),
        (
            "[{with: there, limit: 1 MB/s}, {with: there, direction: send, limit: 1 MB/s}]",
            "boundaries.1.with: a second entry about 'there'",
        ),
        ("there", "boundaries: 'there' is no list"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        files(tmp_path, f"boundaries: {text}\n")
    told = [f"{item.path}: {item.message}" for item in caught.value.problems]
    assert [line for line in told if line.startswith(said)], told
    assert {item.line for item in caught.value.problems} == {6}


def test_every_mistake_at_once(tmp_path: Path) -> None:
    text = "boundaries: [{with: there, limit: fast, windows: [x, y], budget: {bytes: 1, per: day}}]\n"
    with pytest.raises(DeclarationError) as caught:
        files(tmp_path, text)
    assert len(caught.value.problems) == 4


def test_the_schema_for_editors_takes_the_same() -> None:
    schema = json.loads((ROOT / "docs/schemas/environment.schema.json").read_text("utf-8"))
    document = parse_yaml((HEAD.format("here") + WHOLE).encode(), file="here.yaml").data
    jsonschema.validate(document, schema)
    for wrong in ({"limit": "fast"}, {"windows": []}, {"budget": {"bytes": "1 GB"}}, {"speed": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document | {"boundaries": [{"with": "there", **wrong}]}, schema)


@pytest.mark.parametrize(
    ("per", "zone", "begins", "ends"),
    [
        ("hour", "UTC", "2026-11-27T23:00", "2026-11-28T00:00"),
        ("hour", "Asia/Kathmandu", "2026-11-27T23:15", "2026-11-28T00:15"),
        ("day", "UTC", "2026-11-27T00:00", "2026-11-28T00:00"),
        ("day", "Europe/Berlin", "2026-11-27T23:00", "2026-11-28T23:00"),
        ("week", "UTC", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("month", "UTC", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("month", "Europe/Berlin", "2026-10-31T23:00", "2026-11-30T23:00"),
    ],
)
def test_periods(per: str, zone: str, begins: str, ends: str) -> None:
    budget = Budget(10**9, per, zone)  # type: ignore[arg-type]
    assert [moment.strftime("%Y-%m-%dT%H:%M") for moment in budget.period(NOW)] == [begins, ends]


def test_a_hold_says_why_and_until_when() -> None:
    day, month = Budget(100, "day"), Budget(1000, "month")
    limits = BoundaryLimits("cloud", budget=(day, month))
    assert budget_hold(limits, NOW, 60, {day: 40, month: 900}) is None
    held = budget_hold(limits, NOW, 60, {day: 41, month: 41})
    assert held is not None
    assert (held.rule, held.until) == ("budget", dt.datetime(2026, 11, 28, tzinfo=dt.UTC))
    assert held.reason.startswith("59 of 100 bytes are left of this day with cloud, and 60 are needed")
    both = budget_hold(limits, NOW, 60, {day: 41, month: 990})
    assert both is not None
    assert both.until == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    never = budget_hold(limits, NOW, 101, {day: 0, month: 0})
    assert never is not None
    assert never.until is None
    assert "more than the whole budget of a day" in never.reason


def test_a_new_budget_waits_for_the_window_too() -> None:
    day = Budget(100, "day")
    limits = BoundaryLimits("cloud", budget=(day,), windows=(parse_window("mon 10:00-11:00 UTC"),))
    held = budget_hold(limits, NOW, 50, {day: 100})
    assert held is not None
    assert held.until == dt.datetime(2026, 11, 30, 10, tzinfo=dt.UTC)
    closed = window_hold(limits, NOW)
    assert closed is not None
    assert (closed.rule, closed.until) == ("window", dt.datetime(2026, 11, 30, 10, tzinfo=dt.UTC))
    assert window_hold(limits, dt.datetime(2026, 11, 30, 10, 30, tzinfo=dt.UTC)) is None


def test_who_goes_first() -> None:
    later = NOW + dt.timedelta(minutes=1)
    waiting = [(5, later, "c"), (9, later, "b"), (5, NOW, "a"), (5, NOW, "0")]
    assert most_urgent(waiting) == ["b", "0", "a", "c"]
