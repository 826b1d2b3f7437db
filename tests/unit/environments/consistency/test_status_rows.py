"""Rows of `asset status` as text: what the JSON encoder would have written, whatever stands in them."""

from __future__ import annotations

import datetime as dt
import json

from hypothesis import given
from hypothesis import strategies as st

from environments.consistency import STATES, Row
from environments.outbox import Lane
from flows.cli.asset_status import row_text

TEXT = st.text(max_size=12) | st.sampled_from(['"', "\\", "\n\x00\u2028", "sha256:" + "a" * 64])
LANE = st.none() | st.builds(
    Lane, st.integers(1, 9), st.just(dt.datetime(2026, 11, 30, tzinfo=dt.UTC)), TEXT, TEXT, reason=TEXT
)
ROWS = st.builds(
    Row,
    asset=TEXT,
    destination=TEXT,
    state=st.sampled_from(sorted(STATES)),
    there=TEXT,
    arrived=TEXT,
    received=TEXT,
    latest=TEXT,
    behind=st.none() | st.integers(0, 10**6),
    since=TEXT,
    seconds=st.integers(0, 10**9),
    asked=TEXT,
    crossing=TEXT,
    rules=st.just(()) | st.just(({"id": "clearance", "reason": "above", "unexpected_count": 0},)),
    note=TEXT,
    queued=LANE,
)


@given(ROWS)
def test_a_row_is_written_as_the_encoder_writes_it(row: Row) -> None:
    assert row_text(row) == json.dumps(row.to_json(), ensure_ascii=False)
    assert json.loads(row_text(row)) == json.loads(json.dumps(row.to_json()))
