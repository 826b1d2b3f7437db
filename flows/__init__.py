"""Flows: pipelines composed of steps, and the `isthmus` command line on top."""
