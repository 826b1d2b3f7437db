"""What goes to the server, as this gate knows it: which fields pass, and what each may hold.

Invariants:
1. Named fields only: a state's data, job variables and whatever a new Prefect adds do not pass.
2. Texts of a step have the forms of `forms`; parameters and labels hold references, digests, tokens, counts.

Example:
    >>> STATE({"type": "FAILED", "data": {"storage": "x"}}, Passing(Speaker("worker"), "cloud", "0" * 12))
    {'type': 'FAILED'}
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from environments.apigate.answers import TYPES
from environments.apigate.checks import (
    Passing,
    RefusedError,
    anything_of,
    boolean,
    given,
    hidden,
    integer,
    listing,
    maybe,
    moment,
    one_of,
    own_run,
    record,
    said,
    table,
    token,
    uid,
)
from environments.apigate.forms import (
    STATE_NAMES,
    is_ending,
    is_plain,
    is_tag,
    said_by_step,
)
from environments.apigate.speaker import Speaker
from environments.apigate.values import (
    SIGNED,
    label,
    label_key,
    parameter,
    parameter_key,
    signed_word,
)
from environments.ref import NAME

__all__ = [
    "ARTIFACT",
    "CREATE",
    "HEARTBEAT",
    "LABELS",
    "LOGS",
    "NEW_FLOW",
    "NEW_RUN",
    "PATCH_RUN",
    "POOL",
    "PROPOSAL",
    "QUERY",
    "QUEUE",
    "SCHEDULED",
    "STATE",
    "TASK",
    "event",
]

_TITLE = re.compile(rf"{NAME}@{NAME}")


def _state_text(text: str, speaker: Speaker) -> bool:
    return is_plain(text) if speaker.trusted else is_ending(text)


def _title(text: str, speaker: Speaker) -> bool:
    return speaker.trusted and _TITLE.fullmatch(text) is not None


STATE = record(
    {
        "type": one_of(*TYPES),
        "name": maybe(said("state's name", lambda text, _: text in STATE_NAMES)),
        "message": maybe(said("state's message", _state_text)),
        "timestamp": moment,
        "state_details": maybe(record({"scheduled_time": maybe(moment), "deferred": maybe(boolean)})),
    },
    ("type",),
)
PROPOSAL = record({"state": STATE, "force": maybe(given(False))}, ("state",))
_TAGS = listing(said("tag", lambda text, _: is_tag(text)), 32)
_PARAMETERS = table(parameter_key, lambda name: signed_word if name in SIGNED else parameter)
_NAME = maybe(said("run's name", _title))
NEW_RUN = record(
    {
        "flow_id": uid,
        "name": _NAME,
        "parameters": _PARAMETERS,
        "tags": _TAGS,
        "parent_task_run_id": maybe(uid),
        "state": maybe(STATE),
    },
    ("flow_id",),
)
CREATE = record(
    {
        "name": _NAME,
        "parameters": _PARAMETERS,
        "idempotency_key": maybe(token),
        "tags": _TAGS,
        "parent_task_run_id": maybe(uid),
        "state": maybe(STATE),
    }
)
PATCH_RUN = record({"name": _NAME, "tags": _TAGS})
LABELS = table(label_key, label)
_LOG = record(
    {
        "name": lambda value, passing: value if value == "isthmus" else passing.speaker.kind,
        "level": integer(0, 100),
        "message": maybe(lambda value, _passing: value),
        "timestamp": moment,
        "flow_run_id": maybe(own_run),
    },
    ("name", "message", "timestamp", "level"),
)


def _log(value: object, passing: Passing) -> dict[str, Any]:
    """A line; of a pipeline's process only those of our own logger are ours."""
    line: dict[str, Any] = _LOG(value, passing)
    text, ours = line["message"], line["name"] == "isthmus" and passing.speaker.trusted
    fits = isinstance(text, str) and (is_plain(text) if ours else said_by_step(text, passing.speaker.phases))
    return line if fits else line | {"message": passing.withhold("log line", text)}


LOGS = listing(_log, 2000)
TASK = record(
    {
        "flow_run_id": own_run,
        "task_key": token,
        "dynamic_key": token,
        "name": said("task's name", _title),
        "tags": _TAGS,
        "task_inputs": table(
            parameter_key,
            lambda _name: listing(
                record({"input_type": one_of("flow_run"), "id": uid}, ("input_type", "id")), 200
            ),
        ),
        "state": maybe(STATE),
    },
    ("flow_run_id", "task_key", "dynamic_key"),
)


def _flow_name(value: object, passing: Passing) -> str:
    """One name for all flows of Prefect's own inside steps: each would else be a flow of its own for ever."""
    passing.withhold("flow's name", value)
    return "withheld.flow"


NEW_FLOW = record({"name": _flow_name}, ("name",))
ARTIFACT = record(
    {
        "key": maybe(given("withheld")),
        "type": given("markdown"),
        "description": maybe(hidden("artifact's description")),
        "data": hidden("artifact"),
        "flow_run_id": maybe(own_run),
    }
)
_EVENT = record(
    {"id": uid, "occurred": moment, "event": lambda value, _passing: value}, ("id", "occurred", "event")
)


def event(value: object, passing: Passing) -> dict[str, Any]:
    """Somebody's event: that there was one, when, in which run; its name, resources, payload are withheld."""
    if not isinstance(value, dict):
        raise RefusedError("not an event")
    kept = {key: value.get(key) for key in ("event", "resource", "related", "payload")}
    mark = passing.withhold("event", json.dumps(kept, default=repr))
    whose = passing.speaker.run or passing.environment
    known: dict[str, Any] = _EVENT(value, passing)
    return known | {
        "event": "isthmus.withheld",
        "resource": {"prefect.resource.id": f"isthmus.run.{whose}"},
        "payload": {"withheld": mark},
    }


HEARTBEAT = record({"name": token, "heartbeat_interval_seconds": integer(1, 3600)}, ("name",))
SCHEDULED = record(
    {
        "work_queue_names": listing(one_of("pipelines", "steps"), 2),
        "scheduled_before": moment,
        "limit": integer(1, 10_000),
    },
    ("work_queue_names", "scheduled_before"),
)
QUERY = anything_of(token)
POOL = record(
    {
        "name": lambda value, passing: value if value == passing.environment else _not_ours(),
        "type": one_of("isthmus-sealed"),
        "description": maybe(said("description", lambda text, _: is_plain(text))),
        "base_job_template": given(
            {"job_configuration": {"sealed": True}, "variables": {"type": "object", "properties": {}}}
        ),
    },
    ("name", "type"),
)
QUEUE = record({"name": one_of("pipelines", "steps"), "priority": integer(1, 100)}, ("name",))


def _not_ours() -> NoReturn:
    raise RefusedError("another environment's work pool")
