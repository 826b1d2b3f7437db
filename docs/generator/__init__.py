"""What docs/build.py writes and checks, one file per page or check."""
