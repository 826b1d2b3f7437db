"""Tasks: the steps that pipelines are composed of, thin over environments and contracts."""
