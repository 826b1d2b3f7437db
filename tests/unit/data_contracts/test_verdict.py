"""What a verdict tells of a rule: counts, and a share where a share says something."""

from __future__ import annotations

import pytest

from data_contracts.verdict import Reason, RuleResult


def rule(elements: int, missing: int, unexpected: int, reason: Reason | None) -> RuleResult:
    return RuleResult("age.maximum", "age", "maximum", reason is None, elements, missing, unexpected, reason)


@pytest.mark.parametrize(
    ("found", "percent"),
    [
        (rule(200, 0, 3, Reason.UNEXPECTED_VALUES), 1.5),
        (rule(200, 100, 3, Reason.UNEXPECTED_VALUES), 3.0),
        (rule(200, 50, 50, Reason.MISSING_VALUES), 25.0),
        (rule(200, 0, 0, None), 0.0),
        (rule(0, 0, 0, None), None),
        (rule(5, 5, 0, None), None),
        (rule(200, 0, 1, Reason.OUT_OF_BOUNDS), None),
        (rule(200, 0, 200, Reason.NOT_EVALUATED), None),
    ],
)
def test_the_share_is_of_the_rows_that_have_a_value(found: RuleResult, percent: float | None) -> None:
    assert found.unexpected_percent == percent
    assert found.to_json()["unexpected_percent"] == percent
