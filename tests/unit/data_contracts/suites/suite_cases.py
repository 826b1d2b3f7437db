"""Random tables and random expectations, for the oracle: half of what matters in both are edge cases."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
from decimal import Decimal
from typing import Any

import pyarrow as pa

KINDS = (
    "i",
    "i32",
    "u8",
    "f",
    "f2",
    "b",
    "b2",
    "s",
    "s2",
    "d",
    "us",
    "ns",
    "z",
    "nothing",
    "j",
    "j2",
    "f32",
    "decimal",
    "list",
    "word",
)
TEXTS = [
    "a",
    "b",
    "ab",
    "",
    "A",
    "é",
    "1",
    "12",
    "2020-01-05",
    "2021-13-45",
    "x\n",
    '{"a": 1}',
    "[1]",
    "null",
    "٣",
    "a b",
]
START = dt.datetime(2020, 1, 1)  # noqa: DTZ001


def table(r: random.Random) -> pa.Table:
    rows = r.choice([0, 1, 2, 3, 5, 8, 20, 40, 40, 150])
    nulls = r.choice([0, 0, 0.1, 0.5, 1])

    def column(make: Any, kind: pa.DataType, *, sparse: float | None = None) -> pa.Array:
        share = nulls if sparse is None else sparse
        return pa.array([None if r.random() < share else make() for _ in range(rows)], kind)

    spread = r.choice([3, 10, 1000])
    floats = [0.0, -0.0, 1.5, 2.5, 0.1, 0.3, -7.25, 1e100, float("nan"), float("inf"), float("-inf")]
    moment = lambda: START + dt.timedelta(hours=r.randint(0, 60))  # noqa: E731
    text = lambda: r.choice(TEXTS[: r.choice([3, 8, 16])])  # noqa: E731
    return pa.table(
        {
            "i": column(lambda: r.randint(-spread, spread), pa.int64()),
            "i32": column(lambda: r.randint(-spread, spread), pa.int32()),
            "u8": column(lambda: r.randint(0, 255), pa.uint8()),
            "f": column(lambda: r.choice([*floats[:6], r.randint(-5, 5) / 4]), pa.float64()),
            "f2": column(lambda: r.choice(floats), pa.float64()),
            "b": column(lambda: r.random() < 0.7, pa.bool_()),
            "b2": column(lambda: True, pa.bool_(), sparse=0),
            "s": column(text, pa.string()),
            "s2": column(text, pa.string()),
            "d": column(lambda: moment().date(), pa.date32()),
            "us": column(moment, pa.timestamp("us")),
            "ns": column(moment, pa.timestamp("ns")),
            "z": column(moment, pa.timestamp("us", "UTC")),
            "nothing": pa.nulls(rows),
            "j": column(lambda: r.randint(0, 4), pa.int64(), sparse=0),
            "j2": column(lambda: r.randint(0, 4), pa.int64(), sparse=0),
            "f32": column(lambda: r.choice([*floats[:5], float("nan")]), pa.float32()),
            "decimal": column(lambda: Decimal(r.randint(-50, 50)) / 4, pa.decimal128(10, 2)),
            "list": column(lambda: [r.randint(0, 2)], pa.list_(pa.int64())),
            "word": column(text, pa.string()).dictionary_encode(),
        }
    )


def _column(r: random.Random, *often: str) -> str:
    return r.choice(often) if often and r.random() < 0.85 else r.choice(KINDS)


def _of(r: random.Random, data: pa.Table, name: str) -> Any:
    found = [item for item in data[name].to_pylist() if item is not None and not isinstance(item, list)]
    if found and r.random() < 0.8:
        return r.choice(found)
    return r.choice([0, 1, 2, -1, 2.5, "a", "ab", "2020-01-02", True])


def _json(item: Any) -> Any:
    if isinstance(item, dt.datetime | dt.date):
        return item.isoformat()
    if isinstance(item, Decimal):
        return float(item)
    if isinstance(item, float) and (item != item or abs(item) == float("inf")):  # noqa: PLR0124
        return 1.0
    return item


def _bounds(r: random.Random, data: pa.Table, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    low, high = _json(_of(r, data, name)), _json(_of(r, data, name))
    with contextlib.suppress(TypeError):
        low, high = sorted([low, high]) if r.random() < 0.9 else (low, high)
    if r.random() < 0.75:
        found["min_value"] = low
    if r.random() < 0.75 or not found:
        found["max_value"] = high
    return found | _strict(r)


def _strict(r: random.Random) -> dict[str, Any]:
    return {key: r.random() < 0.5 for key in ("strict_min", "strict_max") if r.random() < 0.4}


def _number_bounds(r: random.Random, low: float, high: float) -> dict[str, Any]:
    ends = sorted(round(r.uniform(low, high), r.choice([0, 1, 2])) for _ in range(2))
    chosen = r.choice([("min_value",), ("max_value",), ("min_value", "max_value")])
    return {key: ends[key == "max_value"] for key in chosen} | _strict(r)


def _set(r: random.Random, data: pa.Table, name: str) -> list[Any]:
    found = [_json(_of(r, data, name)) for _ in range(r.randint(0, 5))]
    return list(dict.fromkeys(found)) if r.random() < 0.8 else found


def _condition(r: random.Random, data: pa.Table) -> dict[str, Any]:
    if r.random() < 0.8:
        return {}
    name = r.choice(["i", "f", "s", "j", "b2", "us"])
    constant = _json(_of(r, data, name))
    op = r.choice(["==", "!=", "<", "<=", ">", ">="])
    quoted = f"`{name}`" if r.random() < 0.3 else name
    forms = [
        f"{quoted} {op} {constant!r}",
        f"{quoted} {op} {constant!r} and j > 1",
        f"not {quoted} {op} {constant!r} or j2 in [0, 1]",
        f"{name}.notnull()",
        f"~{name}.isnull() & j != 2",
        f"{name} not in [{constant!r}]",
        f"1 <= j < {r.randint(1, 4)}",
    ]
    if r.random() < 0.3:
        node = {"type": "comparison", "column": {"name": name}, "operator": op, "parameter": constant}
        other = {"type": "nullity", "column": {"name": "i"}, "is_null": r.random() < 0.5}
        return {"row_condition": r.choice([node, {"type": "and", "conditions": [node, other]}])}
    if r.random() < 0.2:
        quote = f'"{constant}"' if isinstance(constant, str) else constant
        return {"row_condition": f'col("{name}") {op} {quote}', "condition_parser": "great_expectations"}
    return {"row_condition": r.choice(forms), "condition_parser": "pandas"}


def _mostly(r: random.Random) -> dict[str, Any]:
    return {"mostly": r.choice([0, 0.1, 0.25, 0.5, 0.6, 0.75, 0.9, 1])} if r.random() < 0.5 else {}


REGEX = [
    "a", "^a$", r"^\d+$", "b|é", "[^a]", r"\s", "(?i)A", "a.", "(?s)x.", r"\w{2}", "^$", r"(a)\1", r"\bab",
    "x$", "(?=a)a", "^[a-z]*$", r"\S+ \S+", "(", "a{2,3}", r"[\d-]+",
]  # fmt: skip
LAYOUTS = ["%Y-%m-%d", "%Y", "%d", "%H:%M", "%Q"]
SCHEMAS: list[Any] = [
    {"type": "object"},
    {"type": "integer", "minimum": 1},
    {},
    {"type": "strin"},
    {"pattern": "a"},
]
TYPES = ["int64", "int", "int32", "float", "float64", "str", "bool", "object", "datetime64", "Timestamp",
         "string", "date", "O", "uint8", "nonsense", "bool_", "datetime64[us]"]  # fmt: skip


def _pairs(r: random.Random) -> dict[str, Any]:
    pairs = "i j,s s2,f f2,i f,b b2,us ns,i s,us us,j j2,d d,i32 u8,nothing i"
    first, second = r.choice(pairs.split(",")).split()
    found = {"column_A": first, "column_B": second}
    if r.random() < 0.7:
        found["ignore_row_if"] = r.choice(["both_values_are_missing", "either_value_is_missing", "neither"])
    return found | _mostly(r)


def _many(r: random.Random) -> dict[str, Any]:
    names = r.choice([["i", "j"], ["i", "j", "f"], ["s", "s2"], ["j", "j2"], ["i", "i32", "u8"], ["f", "f2"],
                      ["i", "s"], ["b", "b2"], ["us", "ns"], ["i"], ["j", "j2", "s"]])  # fmt: skip
    found: dict[str, Any] = {"column_list": names}
    if r.random() < 0.7:
        found["ignore_row_if"] = r.choice(["all_values_are_missing", "any_value_is_missing", "never"])
    return found | _mostly(r)


def arguments(r: random.Random, kind: str, data: pa.Table) -> dict[str, Any]:  # noqa: C901, PLR0911
    """Return arguments for an expectation."""
    word = kind.removeprefix("expect_").removeprefix("column_")
    numbers = ("i", "f", "j", "i32", "u8", "f2")
    general = _condition(r, data) if not word.startswith(("to_exist", "type_to", "table_col")) else {}
    if kind.startswith("expect_table_row_count"):
        exact = {"value": r.choice([data.num_rows, 3])}
        return general | (
            exact if "equal" in kind else {k: int(v) for k, v in _number_bounds(r, 0, 30).items()}
        )
    if kind.startswith("expect_table") or word == "to_exist":
        return _shape(r, word, data)
    if word.startswith("pair"):
        return general | _pairs(r) | _pair_extra(r, word, data)
    if kind.startswith(("expect_multi", "expect_select", "expect_compound")):
        extra = {"sum_total": r.randint(-3, 8)} if "sum" in kind else {}
        return general | _many(r) | extra
    if word == "values_to_be_between":
        name = _column(r, "i", "f", "f2", "b", "d", "us", "z", "i32", "u8")
        return general | _mostly(r) | {"column": name} | _bounds(r, data, name)
    if word.endswith("set"):
        name = _column(r, "i", "f", "s", "b", "b2", "j")
        tie = {"ties_okay": r.choice([True, False, None])} if "common" in word and r.random() < 0.6 else {}
        some = _mostly(r) if word.startswith("values") else {}
        return general | some | tie | {"column": name, "value_set": _set(r, data, name)}
    if word.startswith(("min_", "max_")):
        name = _column(r, *numbers, "s", "d", "us", "z")
        return general | {"column": name} | (_bounds(r, data, name) if r.random() < 0.95 else {})
    if word.startswith(("mean", "sum", "median", "stdev")):
        return general | {"column": _column(r, *numbers)} | _number_bounds(r, -5, 12)
    if word.startswith("quantile"):
        at = [r.choice([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]) for _ in range(r.randint(1, 3))]
        ranges = [r.choice([sorted([r.randint(-5, 3), r.randint(0, 8)]), [None, 2], [0.3, None]]) for _ in at]
        how = {"allow_relative_error": r.choice([False, "linear", "lower", "higher", "midpoint", "nearest"])}
        spec = {"quantile_ranges": {"quantiles": at, "value_ranges": ranges}}
        return general | {"column": _column(r, *numbers)} | spec | (how if r.random() < 0.7 else {})
    if "unique_value_count" in word:
        return general | {"column": _column(r)} | {k: int(v) for k, v in _number_bounds(r, 0, 10).items()}
    if "proportion" in word:
        return general | {"column": _column(r)} | _number_bounds(r, 0, 1)
    if word.startswith("kl"):
        return general | _divergence(r)
    return general | _mostly(r) | {"column": _column(r, *_often(word))} | _extra(r, word)


def _often(word: str) -> tuple[str, ...]:
    if any(part in word for part in ("regex", "length", "json", "date", "strf")):
        return ("s",)
    if any(part in word for part in ("increasing", "decreasing", "z_score", "outlier")):
        return ("i", "j", "f", "f2", "us", "i32", "u8")
    return ()


def _extra(r: random.Random, word: str) -> dict[str, Any]:  # noqa: C901, PLR0911 - a list
    if "lengths_to_equal" in word:
        return {"value": r.choice([0, 1, 2, 2.5])}
    if "lengths" in word:
        return {key: int(item) for key, item in _number_bounds(r, 0, 4).items()}
    if "regex_list" in word:
        extra = {"match_on": r.choice(["any", "all"])} if r.random() < 0.5 and "not" not in word else {}
        return {"regex_list": [r.choice(REGEX) for _ in range(r.randint(1, 3))]} | extra
    if "regex" in word:
        return {"regex": r.choice(REGEX)}
    if "strftime" in word:
        return {"strftime_format": r.choice(LAYOUTS)}
    if "schema" in word:
        return {"json_schema": r.choice(SCHEMAS)}
    if "creasing" in word:
        return {"strictly": r.choice([True, False, None])} if r.random() < 0.7 else {}
    if "z_score" in word:
        return {"threshold": r.choice([0.5, 1, 1.5, -1]), "double_sided": r.random() < 0.6}
    if "outlier" in word:
        return {"method": r.choice(["iqr", "std"]), "multiplier": r.choice([0, 0.5, 1, 1.5, 2])}
    if "type_list" in word:
        return {"type_list": [r.choice(TYPES) for _ in range(r.randint(1, 3))]}
    return {"type_": r.choice(TYPES)} if "type" in word else {}


def _shape(r: random.Random, word: str, data: pa.Table) -> dict[str, Any]:
    names = list(data.column_names)
    if word == "to_exist":
        index = {"column_index": r.choice([0, 1, 2, 99])} if r.random() < 0.5 else {}
        return {"column": r.choice([*names[:3], "absent"])} | index
    if "count" in word:
        exact = {"value": r.choice([len(names), 3])}
        return (
            exact
            if "equal" in word
            else {"min_value": r.choice([None, 1, 16]), "max_value": r.choice([None, 16, 5])}
        )
    listed = r.choice([names, names[::-1], names[:3], [*names, "absent"], [*names, names[0]]])
    if "ordered" in word:
        return {"column_list": listed}
    return {"column_set": listed} | (
        {"exact_match": r.choice([True, False, None])} if r.random() < 0.6 else {}
    )


def _pair_extra(r: random.Random, word: str, data: pa.Table) -> dict[str, Any]:
    if "set" in word:
        found = [[_json(_of(r, data, "i")), _json(_of(r, data, "j"))] for _ in range(4)]
        return {"value_pairs_set": [*found, [None, 1], ["a", "b"], [1, 2]][: r.randint(0, 7)]}
    return {"or_equal": r.choice([True, False, None])} if "greater" in word and r.random() < 0.6 else {}


def _divergence(r: random.Random) -> dict[str, Any]:
    name = _column(r, "j", "s", "f", "i")
    if name == "s" or r.random() < 0.3:
        members: list[Any] = ["a", "b", "ab"] if name == "s" else [0, 1, 2]
        spec: dict[str, Any] = {
            "values": members,
            "weights": r.choice([[0.2, 0.3, 0.5], [1, 0, 0], [0.5, 0.5, 0.5]]),
        }
    else:
        spec = {
            "bins": r.choice([[0, 1, 2, 5], [-1, 0.5, 3, 4], [0, 0, 1, 2]]),
            "weights": r.choice([[0.2, 0.3, 0.5], [0.4, 0.2, 0.2]]),
        }
        if r.random() < 0.4:
            spec["tail_weights"] = r.choice([[0.1, 0.1], [0, 0]])
    found = {"column": name, "partition_object": spec, "threshold": r.choice([0, 0.1, 0.5, 2, None])}
    for key in ("tail_weight_holdout", "internal_weight_holdout"):
        if r.random() < 0.4:
            found[key] = r.choice([0, 0.1, 0.2])
    return found


def case(seed: object, kinds: list[str]) -> tuple[pa.Table, str, dict[str, Any]]:
    """Return a table, an expectation and its arguments."""
    r = random.Random(str(seed))  # noqa: S311 - repeatable, not secret
    data = table(r)
    kind = r.choice(kinds)
    return data, kind, json.loads(json.dumps(arguments(r, kind, data)))


def kept(made: Any, data: pa.Table) -> bool:
    """Whether a difference to GX is a decision (docs/guides/expectations.md, Divergences)."""
    kind, kwargs = made.wanted.type, made.wanted.kwargs
    if "creasing" in kind and kwargs.get("column") == "u8":
        return True  # pandas subtracts unsigned numbers with wrap-around.
    if made.mode == "refused" and "row condition" in made.why:
        return True  # A grammar of our own, and nothing beyond it.
    spread = any(isinstance(item, float) and abs(item) == float("inf") for item in data["f2"].to_pylist())
    if kwargs.get("allow_relative_error") in {"linear", "midpoint"} and kwargs.get("column") == "f2":
        return spread  # Beside an infinite value numpy interpolates to no number.
    return False
