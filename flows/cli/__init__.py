"""The `isthmus` command line: one noun or verb per file."""
