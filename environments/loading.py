"""(placeholder until the reader lands)"""

from pathlib import Path
from environments.profile import Profile


def load_profiles(directory: Path) -> dict[str, Profile]:
    """Load."""
    raise NotImplementedError
