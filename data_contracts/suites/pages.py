"""Data Docs: GX's own renderer, on our results. It sees counts and what the suite's author wrote; no data.

Invariants:
1. GX is imported only here and for its own engine, with its telemetry off, and nothing of it is kept but
   pages.
2. The pages go to a folder that is new or empty (or holds such pages), readable by its owner alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data_contracts.errors import UsageError
from data_contracts.suites.own_engine import quiet

__all__ = ["write_data_docs"]

_INDEX = "index.html"


def write_data_docs(result: dict[str, Any], directory: Path) -> Path:
    """Write the site and return its first page.

    Args:
        result: of `to_validation_result`.
        directory: where; made if it is not there.

    Raises:
        UsageError: the folder holds something else, or is none.
    """
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory}: not a folder", remedy="name a folder")
    if directory.is_dir() and any(directory.iterdir()) and not (directory / _INDEX).is_file():
        raise UsageError(f"{directory}: holds other things than Data Docs", remedy="name a new folder")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _at_home(), quiet():
        _write(result, directory.resolve())
    for path in directory.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return directory / _INDEX


def _write(result: dict[str, Any], directory: Path) -> None:
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    context = gx.get_context(mode="ephemeral")
    site = {
        "class_name": "SiteBuilder",
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(directory)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "show_how_to_buttons": False,
    }
    for name in list(context.get_site_names()):
        context.delete_data_docs_site(name)
    context.add_data_docs_site("isthmus", site)
    run = result["meta"]["run_id"]
    key = ValidationResultIdentifier(
        ExpectationSuiteIdentifier(_plain(result["suite_name"])),
        RunIdentifier(_plain(run["run_name"]), datetime.fromisoformat(run["run_time"])),
        _plain(result["meta"]["active_batch_definition"]["data_asset_name"]),
    )
    context.validation_results_store.set(key, _object(result))
    context.build_data_docs(site_names=["isthmus"])


def _plain(name: str) -> str:
    """Return a name that is one folder, whatever it was: GX makes paths of them."""
    return re.sub(r"[^A-Za-z0-9_ -]|(?<!\w)\.|\.(?!\w)", "_", name) or "_"


def _object(result: dict[str, Any]) -> Any:  # noqa: ANN401 - GX's
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )

    results = [
        ExpectationValidationResult(
            success=item["success"],
            expectation_config=_configuration(item),
            result=_shown(item["result"]),
            meta=item["meta"],
            exception_info=item["exception_info"],
        )
        for item in result["results"]
    ]
    return ExpectationSuiteValidationResult(
        success=result["success"],
        results=results,
        suite_name=result["suite_name"],
        statistics=result["statistics"],
        meta=result["meta"],
    )


def _shown(counts: dict[str, Any]) -> dict[str, Any]:
    """Leave out a count without its percentage: the renderer stumbles over it."""
    whole = "unexpected_percent" in counts or "unexpected_count" not in counts
    return counts if whole else {key: item for key, item in counts.items() if key != "unexpected_count"}


def _configuration(item: dict[str, Any]) -> Any:  # noqa: ANN401 - GX's
    """Return the expectation; one that GX does not know, or would not make, as a line of text."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    config = item["expectation_config"]
    try:
        made = ExpectationConfiguration(**config)
        made.to_domain_obj()
    except Exception:  # noqa: BLE001 - GX raises what it likes; the rule has failed and is shown by its name
        return ExpectationConfiguration(
            type="expect_table_row_count_to_be_between",
            kwargs={"min_value": 0},
            meta={},
            description=f"{config['type']} (no expectation that Great Expectations would take)",
        )
    return made


@contextmanager
def _at_home() -> Iterator[None]:
    """GX writes an id of its user into the home; it gets one that is gone afterwards."""
    before = os.environ.get("HOME")
    with TemporaryDirectory(prefix="isthmus-") as place:
        os.environ["HOME"] = place
        try:
            yield
        finally:
            if before is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = before
