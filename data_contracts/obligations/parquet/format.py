"""The structs of a Parquet file that we know, by field number (`parquet.thrift`); others are refused."""

from __future__ import annotations

from data_contracts.obligations.parquet.thrift import Spec

__all__ = ["BLOOM", "COLUMN_INDEX", "FOOTER", "OFFSET_INDEX", "PAGE_HEADER"]

_NOTHING: Spec = {}
_UNIT: Spec = {1: ("millis", _NOTHING), 2: ("micros", _NOTHING), 3: ("nanos", _NOTHING)}
_CLOCK: Spec = {1: ("utc", "bool"), 2: ("unit", _UNIT)}
_LOGICAL: Spec = {
    1: ("string", _NOTHING),
    3: ("list", _NOTHING),
    5: ("decimal", {1: ("scale", "i32"), 2: ("precision", "i32")}),
    6: ("date", _NOTHING),
    7: ("time", _CLOCK),
    8: ("timestamp", _CLOCK),
    10: ("integer", {1: ("width", "i8"), 2: ("signed", "bool")}),
    11: ("unknown", _NOTHING),
}
_ELEMENT: Spec = {
    1: ("type", "i32"),
    2: ("type_length", "i32"),
    3: ("repetition", "i32"),
    4: ("name", "text"),
    5: ("children", "i32"),
    6: ("converted", "i32"),
    7: ("scale", "i32"),
    8: ("precision", "i32"),
    10: ("logical", _LOGICAL),
}
_STATISTICS: Spec = {
    1: ("old_max", "binary"),
    2: ("old_min", "binary"),
    3: ("nulls", "i64"),
    5: ("max", "binary"),
    6: ("min", "binary"),
    7: ("max_exact", "bool"),
    8: ("min_exact", "bool"),
}
_SIZES: Spec = {1: ("bytes", "i64"), 2: ("repetitions", ["i64"]), 3: ("definitions", ["i64"])}
_COLUMN: Spec = {
    1: ("type", "i32"),
    2: ("encodings", ["i32"]),
    3: ("path", ["text"]),
    4: ("codec", "i32"),
    5: ("values", "i64"),
    6: ("uncompressed", "i64"),
    7: ("compressed", "i64"),
    9: ("data_offset", "i64"),
    11: ("dictionary_offset", "i64"),
    12: ("statistics", _STATISTICS),
    13: ("pages", [{1: ("type", "i32"), 2: ("encoding", "i32"), 3: ("count", "i32")}]),
    14: ("bloom_offset", "i64"),
    15: ("bloom_length", "i32"),
    16: ("sizes", _SIZES),
}
_CHUNK: Spec = {
    2: ("offset", "i64"),
    3: ("column", _COLUMN),
    4: ("offset_index", "i64"),
    5: ("offset_index_length", "i32"),
    6: ("column_index", "i64"),
    7: ("column_index_length", "i32"),
}
_GROUP: Spec = {
    1: ("chunks", [_CHUNK]),
    2: ("uncompressed", "i64"),
    3: ("rows", "i64"),
    5: ("offset", "i64"),
    6: ("compressed", "i64"),
    7: ("ordinal", "i16"),
}
FOOTER: Spec = {
    1: ("version", "i32"),
    2: ("schema", [_ELEMENT]),
    3: ("rows", "i64"),
    4: ("groups", [_GROUP]),
    5: ("metadata", [{1: ("key", "binary"), 2: ("value", "binary")}]),
    6: ("writer", "text"),
    7: ("orders", [{1: ("type", _NOTHING)}]),
}
PAGE_HEADER: Spec = {
    1: ("type", "i32"),
    2: ("uncompressed", "i32"),
    3: ("compressed", "i32"),
    4: ("crc", "i32"),
    5: (
        "data",
        {
            1: ("values", "i32"),
            2: ("encoding", "i32"),
            3: ("definitions", "i32"),
            4: ("repetitions", "i32"),
            5: ("statistics", _STATISTICS),
        },
    ),
    7: ("dictionary", {1: ("values", "i32"), 2: ("encoding", "i32"), 3: ("sorted", "bool")}),
}
_LOCATION: Spec = {1: ("offset", "i64"), 2: ("size", "i32"), 3: ("row", "i64")}
OFFSET_INDEX: Spec = {1: ("pages", [_LOCATION]), 2: ("bytes", ["i64"])}
COLUMN_INDEX: Spec = {
    1: ("empty", ["bool"]),
    2: ("min", ["binary"]),
    3: ("max", ["binary"]),
    4: ("order", "i32"),
    5: ("nulls", ["i64"]),
    6: ("repetitions", ["i64"]),
    7: ("definitions", ["i64"]),
}
BLOOM: Spec = {
    1: ("size", "i32"),
    2: ("algorithm", {1: ("block", _NOTHING)}),
    3: ("hash", {1: ("xxhash", _NOTHING)}),
    4: ("compression", {1: ("none", _NOTHING)}),
}
