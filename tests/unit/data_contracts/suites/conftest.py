from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The runner and the cases are plain modules beside the tests.
sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("suite_runner", "suite_cases")
