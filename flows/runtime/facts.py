"""What the stores say of a pipeline's assets, asked of one child process for each environment.

Invariants:
1. This process opens no environment's folder. Each child opens exactly one, and answers with metadata:
   names, digests, labels, sizes, counts.
2. An asset that is not there is an answer, not an error: a plan may be made before the data is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DefectError, IsthmusError, UnreachableError, UsageError
from data_contracts.labels import Labels
from environments.home import EnvironmentFolder, Home
from environments.ref import AssetRef
from environments.site import Site
from flows.runtime.planning import AssetFacts
from flows.runtime.program import SourceAsset

if TYPE_CHECKING:
    from environments.stores import AssetRecord

__all__ = ["ask_stores", "main"]

_TIMEOUT = 60


def ask_stores(home: Home, site: Site, sources: Sequence[SourceAsset]) -> dict[str, AssetFacts]:
    """Return what the stores say, by parameter; nothing for an asset that is not there.

    Raises:
        UsageError: an environment is not declared, or a named version is not there.
        UnreachableError: a store cannot be read.
    """
    wanted: dict[str, list[SourceAsset]] = {}
    for source in sources:
        site.profile(source.environment)
        wanted.setdefault(source.environment, []).append(source)
    if not wanted:
        return {}
    with ThreadPoolExecutor(len(wanted)) as pool:
        answers = pool.map(lambda pair: _ask(home, site, *pair), wanted.items())
        told: dict[str, dict[str, Any] | None] = {}
        for answer in answers:
            told.update(answer)
    for source in sources:
        if source.version is not None and told.get(source.parameter) is None:
            raise UsageError(
                f"{source.environment} has no such version of {source.name}",
                remedy=f"isthmus asset show {source.name} --env {source.environment}",
            )
    return {name: _facts(answer) for name, answer in told.items() if answer is not None}


def _ask(
    home: Home, site: Site, environment: str, sources: Sequence[SourceAsset]
) -> Mapping[str, dict[str, Any] | None]:
    folder = home.environment(environment)
    if not folder.root.exists():
        return {}
    question = {
        "folder": str(folder.root),
        "site": None if site.root is None else str(site.root),
        "assets": [[source.parameter, source.name, source.version] for source in sources],
    }
    child = subprocess.run(
        [sys.executable, "-P", "-m", "flows.runtime.facts"],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        raise DefectError(f"the child that asks {environment}'s store answered nothing") from None
    if "error" in answer:
        raise UnreachableError(f"{environment}: {answer['error']}", remedy=answer["remedy"])
    told: Mapping[str, dict[str, Any] | None] = answer["assets"]
    return told


def _facts(answer: Mapping[str, Any]) -> AssetFacts:
    ref = AssetRef.from_json(answer["ref"])
    return AssetFacts(
        ref=ref,
        contract_digest=answer["contract_digest"],
        labels=Labels.from_json(ref.labels),
        size=answer["size"],
        rows=answer["rows"],
    )


def main() -> int:
    """Answer one question about one environment's store."""
    from environments.stores import open_store

    question = json.loads(sys.stdin.read())
    try:
        folder = EnvironmentFolder(Path(question["folder"]))
        profile = Site.load(question["site"]).profile(folder.name)
        store = open_store(folder, profile)
        assets: dict[str, dict[str, Any] | None] = {}
        for parameter, name, version in question["assets"]:
            versions = store.versions(name)
            found = [record for record in versions if version in (None, record.version)]
            record = max(found, key=lambda item: item.sequence, default=None)
            assets[parameter] = None if record is None else _about(record, folder.name)
        sys.stdout.write(json.dumps({"assets": assets}))
    except IsthmusError as error:
        sys.stdout.write(json.dumps({"error": str(error), "remedy": error.remedy}))
    return 0


def _about(record: AssetRecord, environment: str) -> dict[str, Any]:
    return {
        "ref": record.ref(environment).to_json(),
        "contract_digest": record.contract_digest,
        "size": record.size,
        "rows": record.rows,
    }


if __name__ == "__main__":
    sys.exit(main())
