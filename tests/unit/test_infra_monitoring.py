"""What ships for Prometheus and Grafana: checked by promtool, and naming only metrics that there are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from environments.metrics.catalogue import METRICS, WORDS

INFRA = Path(__file__).parents[2] / "infra"
RULES = INFRA / "prometheus/isthmus.rules.yml"
BOARD = INFRA / "grafana/isthmus.json"
NAMED = re.compile(r"\bisthmus_[a-z_]+")
CHOICE = re.compile(r'([a-z]+)="([a-z_]+)"')


def series_names() -> set[str]:
    """Return every name under which Prometheus stores a series of ours."""
    ends = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {name + end for name, metric in METRICS.items() for end in ends[metric.kind]}


def alerts() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> list[str]:
    board = json.loads(BOARD.read_text())
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    chosen = [one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query"]
    return [*shown, *chosen, *(str(alert["expr"]) for alert in alerts())]


def promtool(*arguments: str, at: Path = INFRA / "prometheus") -> tuple[int, str]:
    done = subprocess.run(
        ["promtool", *arguments], cwd=at, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_promtool_takes_configuration_and_rules() -> None:
    code, said = promtool("check", "config", "prometheus.yml")
    assert code == 0, said
    code, said = promtool("check", "rules", "isthmus.rules.yml")
    assert code == 0, said
    assert f"{len(alerts())} rules found" in said


def test_promtool_would_refuse_a_rule_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(RULES.read_text().replace("> 86400", "> > 86400"))
    assert promtool("check", "rules", "bad.yml", at=tmp_path)[0] != 0


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_and_word_that_is_named_exists(expression: str) -> None:
    assert set(NAMED.findall(expression)) <= series_names()
    for label, word in CHOICE.findall(expression):
        assert label == "job" or word in WORDS[label]


def test_the_board_shows_every_metric() -> None:
    shown = {name for expression in expressions() for name in NAMED.findall(expression)}
    stems = {re.sub(r"_(total|bucket)$", "", name) for name in shown}
    assert set(METRICS) - stems <= {"isthmus_gate_requests", "isthmus_trust_version"}


def test_the_board_is_of_grafanas_shape() -> None:
    board = json.loads(BOARD.read_text())
    assert board["uid"] == "isthmus"
    assert board["schemaVersion"] >= 39
    assert [one["name"] for one in board["templating"]["list"]] == ["datasource", "environment"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        assert panel["type"] in {"timeseries", "table", "stat"}
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert all(x < 24 for x, _ in cells)
        assert not cells & taken, panel["title"]
        taken |= cells
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


def test_every_alert_says_what_to_do() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert set(alert["annotations"]) == {"summary", "action"}


EXAMPLES = """
rule_files: [isthmus.rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: isthmus_outbox_oldest_seconds{environment="onprem",peer="cloud",queue="waiting"}
        values: "86000+60x30"
      - series: isthmus_outbox_oldest_seconds{environment="onprem",peer="edge",queue="waiting"}
        values: "0x30"
      - series: isthmus_trust_remaining_seconds{environment="edge"}
        values: "86400x30"
      - series: isthmus_trust_remaining_seconds{environment="cloud"}
        values: "8640000x30"
      - series: isthmus_crossings_total{environment="edge",direction="ingress",peer="cloud",outcome="failed"}
        values: "0x5 1x25"
    alert_rule_test:
      - eval_time: 5m
        alertname: IsthmusCrossingUnanswered
        exp_alerts: []
      - eval_time: 20m
        alertname: IsthmusCrossingUnanswered
        exp_alerts:
          - exp_labels: {severity: warning, environment: onprem, peer: cloud, queue: waiting}
            exp_annotations:
              summary: "onprem: a crossing to cloud has had no answer for more than a day."
              action: "Run `isthmus asset status --env onprem`."
      - eval_time: 1m
        alertname: IsthmusTrustEndsSoon
        exp_alerts:
          - exp_labels: {severity: warning, environment: edge}
            exp_annotations:
              summary: "edge: its trust document ends within 30 days; then nothing is taken from anybody."
              action: "Run `isthmus up`, or `isthmus trust update FILE` with a newer one."
      - eval_time: 4m
        alertname: IsthmusCrossingNotVerifiable
        exp_alerts: []
      - eval_time: 8m
        alertname: IsthmusCrossingNotVerifiable
        exp_alerts:
          - exp_labels:
              {severity: critical, environment: edge, direction: ingress, peer: cloud, outcome: failed}
            exp_annotations:
              summary: "edge: what came from or went to cloud does not verify."
              action: "Run `isthmus ledger show --env edge`; find out who changes the transit."
"""


def test_the_alerts_fire_when_they_should_and_not_before(tmp_path: Path) -> None:
    (tmp_path / RULES.name).write_text(RULES.read_text())
    (tmp_path / "examples.yml").write_text(EXAMPLES)
    code, said = promtool("test", "rules", "examples.yml", at=tmp_path)
    assert code == 0, said
