"""What docs/guides/contracts.md shows is read as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from contract_builder import column, document

from data_contracts.evolution import read_samples
from data_contracts.loading import contract_from_document
from data_contracts.yamlsource import parse_yaml

GUIDE = Path(__file__).parents[4] / "docs/guides/contracts.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def block(word: str) -> str:
    (found,) = (text for text in BLOCKS if word in text)
    return str(found)


def test_its_terms_with_a_condition_and_anonymity_load() -> None:
    told: dict[str, Any] = document(
        column("age", options={"minimum": 0}, required=True),
        column("country", "string"),
        column("result", "string"),
        column("consent", "boolean"),
    )
    made = contract_from_document({**told, **yaml.safe_load(block("anonymity:"))})
    assert made.terms is not None
    [crossing] = made.terms.crossings
    assert crossing.rows is not None
    assert crossing.rows.columns == ("age", "consent", "country")
    assert crossing.anonymity is not None
    assert crossing.anonymity.k == 10


def test_its_acknowledgement_loads() -> None:
    quality = [{"type": "text", "name": "tests.plausible", "description": "d"}]
    told = document(column("a"), quality=quality)
    made = contract_from_document(
        {**told, **yaml.safe_load(block("isthmusAcknowledged").replace("2026-11-02", '"2026-11-02"'))}
    )
    assert made.acknowledgement("tests.plausible") is not None


def test_its_samples_are_samples() -> None:
    found = read_samples(parse_yaml(block("like: two readings").encode(), file="guide"))
    assert [sample.name for sample in found.samples] == ["two readings", "older than anybody"]
