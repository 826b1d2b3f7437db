"""An environment's own gate for its traffic with the control plane (docs/adr/0025-a-gate-for-api-traffic.md).

Import from the submodules: `serving.run_gate`, `speaker.run_credential`, `address.read_gate`.
"""
