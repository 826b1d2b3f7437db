"""`--param NAME=VALUE`: JSON where it is JSON, text otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from data_contracts.errors import UsageError

__all__ = ["param_option"]

Function = TypeVar("Function", bound=Callable[..., object])


def _read(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError("--param: not NAME=VALUE", remedy="such as --param tests=covid_tests@latest")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values


def param_option(function: Function) -> Function:
    """Add `--param NAME=VALUE`, as often as wanted; the command gets `params: dict`."""
    return click.option(
        "--param",
        "params",
        multiple=True,
        callback=_read,
        metavar="NAME=VALUE",
        help="A parameter of the pipeline, such as tests=covid_tests@latest; may stand several times.",
    )(function)
