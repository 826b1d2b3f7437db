from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The suites are shared with a user's own obligations, so they are plain modules in a folder of their own.
sys.path.insert(0, str(Path(__file__).parents[2] / "contract_suites"))
pytest.register_assert_rewrite("obligation_suite")
