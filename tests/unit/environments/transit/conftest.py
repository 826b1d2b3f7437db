"""The suite and the worlds stand beside the unit tests: found here, with pytest's own assertions."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
pytest.register_assert_rewrite("boundary_world", "faulty_transit", "transit_suite")
