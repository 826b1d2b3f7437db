"""What comes from the server, as this gate knows it: which fields of its answers come in.

Invariants:
1. Named fields only: what a state, a run or a deployment of the server has beyond them (result storage,
   pickled data, job variables, pull steps, policies) reaches nobody here.
2. Texts are bounded and printable; an answer of another shape is refused whole.

Example:
    >>> FLOW({"id": run, "name": "hospital", "labels": {}}, passing)
    {'id': '0f0e0d0c-0000-4000-8000-000000000000', 'name': 'hospital'}
"""

from __future__ import annotations

from environments.apigate.checks import (
    anything_of,
    integer,
    listing,
    maybe,
    moment,
    number,
    one_of,
    record,
    shown,
    uid,
)

__all__ = ["COUNT", "DEPLOYMENT", "FLOW", "FLOW_RUN", "MADE", "OFFERS", "ORDER", "QUEUES", "TYPES"]

TYPES = (
    *("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"),
    *("COMPLETED", "FAILED", "CANCELLED", "CRASHED"),
)
_KNOWN_STATE = record(
    {
        "id": uid,
        "type": one_of(*TYPES),
        "name": maybe(shown),
        "message": maybe(shown),
        "timestamp": moment,
    },
    ("type",),
)
_VALUE = anything_of(shown)
FLOW_RUN = record(
    {
        "id": uid,
        "name": shown,
        "flow_id": uid,
        "deployment_id": maybe(uid),
        "parent_task_run_id": maybe(uid),
        "state": maybe(_KNOWN_STATE),
        "labels": maybe(_VALUE),
        "tags": listing(shown, 1000),
        "parameters": _VALUE,
        "start_time": maybe(moment),
        "expected_start_time": maybe(moment),
        "next_scheduled_start_time": maybe(moment),
        "total_run_time": maybe(number),
        "estimated_run_time": maybe(number),
    },
    ("id", "name", "flow_id"),
)
OFFERS = listing(record({"flow_run": FLOW_RUN, "work_queue_id": maybe(uid)}, ("flow_run",)), 10_000)
ORDER = record(
    {
        "status": one_of("ACCEPT", "REJECT", "ABORT", "WAIT"),
        "state": maybe(_KNOWN_STATE),
        "details": record(
            {
                "type": one_of("accept_details", "reject_details", "abort_details", "wait_details"),
                "reason": maybe(shown),
                "delay_seconds": maybe(integer(0, 86_400)),
            }
        ),
    },
    ("status",),
)
FLOW = record({"id": uid, "name": shown}, ("id", "name"))
DEPLOYMENT = record({"id": uid, "name": shown, "flow_id": uid}, ("id", "name", "flow_id"))
QUEUES = listing(record({"id": uid, "name": shown}, ("id", "name")), 1000)
MADE = record({"id": uid}, ("id",))
COUNT = integer(0, 10**9)
