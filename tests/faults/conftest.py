"""The world that the gate is tested in stands beside the suites: found here, with pytest's own assertions."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "contract_suites")]
pytest.register_assert_rewrite(
    "boundary_world", "killed_crossing", "killed_pump", "pumping_world", "faulty_transit"
)
