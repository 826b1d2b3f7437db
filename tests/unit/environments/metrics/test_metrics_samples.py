"""What may be given out, and what becomes `other`."""

from __future__ import annotations

import math

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as families

from data_contracts.errors import DefectError
from environments.metrics.catalogue import BOUNDS, DECLARED, FORMS, METRICS, WORDS
from environments.metrics.samples import MOST, Samples
from environments.metrics.text import exposition

HOSTILE = (
    "Wilhelmina Sentinel",
    'x"} 1\nforged 2',
    "ümlaut",
    "a" * 300,
    "1985-03-07 born",
    "",
)


def empty() -> Samples:
    return Samples("onprem", {"peer": {"cloud", "edge"}, "step": {"hospital.train"}})


def test_every_label_of_every_metric_is_of_the_allow_list() -> None:
    allowed = {*WORDS, *DECLARED, *FORMS}
    assert {label for metric in METRICS.values() for label in metric.labels} <= allowed
    assert allowed == {
        "environment", "peer", "outcome", "rule", "asset", "queue",  # names of the design
        "direction", "end", "certificate", "source", "step",  # words of ours, and declared steps
    }  # fmt: skip


def test_an_unknown_label_is_refused() -> None:
    samples = empty()
    with pytest.raises(DefectError, match="labels"):
        samples.put("isthmus_sent_bytes", 1, peer="cloud", patient="P0001")
    with pytest.raises(DefectError, match="labels"):
        samples.put("isthmus_sent_bytes", 1)
    assert samples.to_json() == {"isthmus_sent_bytes": []}


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(DefectError, match="not a metric"):
        empty().put("isthmus_patients", 1)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(DefectError):
        empty().put("isthmus_ledger_entries", number)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_that_is_not_of_its_labels_form_becomes_other(value: str) -> None:
    samples = empty()
    labels = {"direction": value, "peer": value, "outcome": value, "rule": value}
    samples.put("isthmus_crossing_rules", 2, **labels)
    samples.put("isthmus_asset_behind_seconds", 7, asset=value, peer="cloud")
    samples.put_histogram("isthmus_step_seconds", [1] * (len(BOUNDS) + 1), 3.0, step=value)
    text = exposition(samples, "").body.decode()
    assert samples.series("isthmus_crossing_rules") == {("other",) * 4: 2.0}
    assert samples.series("isthmus_asset_behind_seconds") == {("other", "cloud"): 7.0}
    assert not value or value not in text
    assert "forged" not in text


def test_a_peer_that_nobody_declared_becomes_other_and_is_added_up() -> None:
    samples = empty()
    for peer in ("cloud", "somewhere", "elsewhere"):
        samples.put("isthmus_sent_bytes", 5, peer=peer)
    assert samples.series("isthmus_sent_bytes") == {("cloud",): 5.0, ("other",): 10.0}


def test_there_is_a_most_of_series_and_what_is_beyond_is_merged() -> None:
    samples = empty()
    for number in range(3 * MOST):
        samples.put("isthmus_asset_behind_seconds", number, asset=f"asset_{number}", peer="cloud")
        labels = {"direction": "egress", "peer": "cloud", "outcome": "denied", "rule": f"rule.{number}"}
        samples.put("isthmus_crossing_rules", 1, **labels)
    lag, rules = samples.series("isthmus_asset_behind_seconds"), samples.series("isthmus_crossing_rules")
    assert len(lag) == len(rules) == MOST + 1
    assert lag["other", "cloud"] == 3 * MOST - 1  # the worst of them
    assert sum(rules.values()) == 3 * MOST  # none is lost


def test_the_text_reads_back_in_both_forms() -> None:
    samples = empty()
    samples.put("isthmus_sent_bytes", 12, peer="cloud")
    samples.put("isthmus_trust_remaining_seconds", -3)
    samples.put_histogram(
        "isthmus_step_seconds", [2, *[0] * (len(BOUNDS) - 1), 1], 4000.5, step="hospital.train"
    )
    plain = exposition(samples, "text/plain;version=0.0.4")
    [total] = [one for one in families(plain.body.decode()) if one.name == "isthmus_sent_bytes"]
    assert [(s.name, s.labels, s.value) for s in total.samples] == [
        ("isthmus_sent_bytes_total", {"environment": "onprem", "peer": "cloud"}, 12.0)
    ]
    found = exposition(samples, "application/openmetrics-text; version=1.0.0")
    assert found.content_type.startswith("application/openmetrics-text")
    [steps] = [one for one in open_families(found.body.decode()) if one.name == "isthmus_step_seconds"]
    numbers = {
        (s.name.removeprefix("isthmus_step_seconds"), s.labels.get("le")): s.value for s in steps.samples
    }
    assert (numbers["_bucket", "0.1"], numbers["_bucket", "1800.0"], numbers["_bucket", "+Inf"]) == (2, 2, 3)
    assert (numbers["_count", None], numbers["_sum", None]) == (3, 4000.5)


def test_histograms_with_other_buckets_are_refused() -> None:
    for counts in ([1], [-1] * (len(BOUNDS) + 1), ["1"] * (len(BOUNDS) + 1)):
        with pytest.raises(DefectError):
            empty().put_histogram("isthmus_step_seconds", counts, 1.0, step="hospital.train")
