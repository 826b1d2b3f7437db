"""The ground truth of truth.toml as tables on the disk, and how well a set of findings meets it."""

from __future__ import annotations

import csv
import io
import json
import tomllib
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DATA = Path(__file__).parents[4] / ".." / "shared" / "data"


@dataclass(frozen=True)
class Truth:
    """One table of the ground truth, with what the file says of it."""

    set: str
    file: str
    personal: Mapping[str, str]
    arguable: Mapping[str, str] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    member: str = ""
    separator: str = ","
    shape: str = ""

    @property
    def path(self) -> Path:
        return DATA / self.file


def truths() -> list[Truth]:
    """Return every table."""
    document = tomllib.loads((HERE / "truth.toml").read_text(encoding="utf-8"))
    return [Truth(**{**item, "header": tuple(item.get("header", ()))}) for item in document["table"]]


def written(truth: Truth, folder: Path, *, obfuscated: bool = False) -> tuple[Path, dict[str, str]]:
    """Return the table as a file that discovery reads, and the true name of each of its columns."""
    plain = not (truth.header or truth.member or truth.shape or truth.separator != "," or obfuscated)
    if plain:
        return truth.path, {}
    if truth.path.suffix == ".parquet":
        return _renamed_parquet(truth.path, folder)
    if truth.shape == "sentences" and not obfuscated:
        path = folder / "sentences.jsonl"
        rows = json.loads(truth.path.read_text(encoding="utf-8"))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path, {}
    header, rows = _rows(truth)
    names = [f"c{place}" for place in range(1, len(header) + 1)] if obfuscated else header
    path = folder / f"{truth.set}-{truth.shape or truth.path.stem}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    return path, dict(zip(names, header, strict=True))


def _rows(truth: Truth) -> tuple[list[str], Iterable[list[str]]]:
    if truth.shape:
        return _sentences(truth)
    if truth.member:
        text = zipfile.ZipFile(truth.path).read(truth.member).decode()
    else:
        text = truth.path.read_text(encoding="utf-8-sig")
    rows = [
        [cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=truth.separator)
    ]
    if truth.separator == " ":
        rows = [[cell for cell in row if cell] for row in rows]
    rows = [row for row in rows if row]
    # One file's header names five sensors more than any row has.
    return (list(truth.header), rows) if truth.header else (rows[0][: len(rows[1])], rows[1:])


def _sentences(truth: Truth) -> tuple[list[str], list[list[str]]]:
    document = json.loads(truth.path.read_text(encoding="utf-8"))
    if truth.shape == "sentences":
        names = ["full_text", "masked", "template_id"]
        return names, [[str(row[name]) for name in names] for row in document]
    columns: dict[str, list[str]] = defaultdict(list)
    for row in document:
        for span in row["spans"]:
            columns[span["entity_type"]].append(span["entity_value"])
    longest = max(map(len, columns.values()))
    padded = {name: values + [""] * (longest - len(values)) for name, values in columns.items()}
    return list(padded), [list(row) for row in zip(*padded.values(), strict=True)]


def _renamed_parquet(path: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    names = [f"c{place}" for place in range(1, table.num_columns + 1)]
    target = folder / path.name
    pq.write_table(table.rename_columns(names), target)
    return target, dict(zip(names, table.column_names, strict=True))


@dataclass
class Score:
    """Counts of columns.

    Attributes:
        found: personal ones that were told personal.
        missed: personal ones that were not.
        wrong: columns that are not personal and were told personal.
        arguable_told, arguable_not: of the arguable ones.
    """

    found: int = 0
    missed: int = 0
    wrong: int = 0
    arguable_told: int = 0
    arguable_not: int = 0
    said: dict[str, list[str]] = field(default_factory=lambda: {"missed": [], "wrong": []})

    def add(self, truth: Truth, columns: Iterable[Any], names: Mapping[str, str]) -> None:
        """Count one table's columns."""
        for column in columns:
            name = names.get(column.path, column.path)
            told = column.finding.personal
            if name in truth.personal:
                self.found += told
                self.missed += not told
                self.said["missed"] += [] if told else [f"{truth.path.stem}.{name}"]
            elif name in truth.arguable:
                self.arguable_told += told
                self.arguable_not += not told
            else:
                self.wrong += told
                self.said["wrong"] += [f"{truth.path.stem}.{name}"] if told else []

    @property
    def recall(self) -> float:
        """Of the personal columns, the share that was told."""
        return self.found / (self.found + self.missed) if self.found + self.missed else 1.0

    @property
    def precision(self) -> float:
        """Of the columns told personal, the share that is."""
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 1.0

    @property
    def worst(self) -> tuple[float, float]:
        """Recall if every arguable column not told is personal; precision if none of those told is."""
        total = self.found + self.missed + self.arguable_told + self.arguable_not
        told = self.found + self.wrong + self.arguable_told
        recall = (self.found + self.arguable_told) / total if total else 1.0
        return recall, self.found / told if told else 1.0
