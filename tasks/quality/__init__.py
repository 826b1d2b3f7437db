"""Setting aside what breaks the contract."""
