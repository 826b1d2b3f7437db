"""`outbox:` of an environment file: what it makes, and every mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from data_contracts.errors import DeclarationError
from environments.loading import load_profiles
from environments.outbox import OutboxLimits, Quota
from environments.profile import Profile

ROOT = Path(__file__).parents[3]
HEAD = "name: {}\nkind: cloud\njurisdiction: DE\nclearance: internal\nsteps: []\n"


def files(folder: Path, here: str) -> Profile:
    (folder / "here.yaml").write_text(HEAD.format("here") + here)
    (folder / "there.yaml").write_text(HEAD.format("there"))
    return load_profiles(folder)["here"]


def test_what_is_declared(tmp_path: Path) -> None:
    text = (
        "outbox:\n  entries: 500\n  bytes: 20 GB\n  expires: 30 d\n  in_flight: 8\n"
        "  destinations: {there: {entries: 10}}\n"
    )
    outbox = files(tmp_path, text).outbox
    assert outbox == OutboxLimits(500, 20 * 10**9, 30, 8, {"there": Quota(10, 20 * 10**9)})
    assert outbox.quota("elsewhere") == Quota(500, 20 * 10**9)
    schema = json.loads((ROOT / "flows/cli/schemas/environment.schema.json").read_text())
    jsonschema.validate(yaml.safe_load(HEAD.format("here") + text), schema)


def test_without_a_word_there_is_a_limit(tmp_path: Path) -> None:
    outbox = files(tmp_path, "").outbox
    assert outbox == OutboxLimits()
    assert (outbox.expires, outbox.quota("there").entries) == (14, 100_000)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("entries: 0", "0 is out of bounds"),
        ("bytes: much", "'much' is no size"),
        ("expires: 91 d", "91 days are too long"),
        ("expires: a month", "is not of the form"),
        ("in_flight: 0", "0 is out of bounds"),
        ("destinations: {here: {entries: 1}}", "'here' is no other environment"),
        ("destinations: {nowhere: {entries: 1}}", "'nowhere' is no other environment"),
        ("destinations: [there]", "not limits by destination"),
        ("size: 1 GB", "size"),
    ],
)
def test_every_mistake_is_told_with_its_place(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(DeclarationError) as told:
        files(tmp_path, f"outbox:\n  {line}\n")
    assert said in str(told.value)
    assert "here.yaml:7" in str(told.value)
