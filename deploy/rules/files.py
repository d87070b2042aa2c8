"""The rules files, one per profile."""

from pathlib import Path

from deploy.rules import availability, dependencies, pipeline, recovery, watching
from deploy.rules.profile import PROFILES, Profile
from deploy.rules.rule import Group, as_yaml

FOLDER = Path(__file__).parent.parent / "prometheus" / "rules"
#: The name of each file, and the profile that decides its numbers.
FILES = {f"{profile.name}.yml": profile for profile in PROFILES}


def files() -> dict[str, str]:
    """Return file name -> text."""
    return {name: as_yaml(groups(profile)) for name, profile in FILES.items()}


def groups(profile: Profile) -> list[Group]:
    """Return the groups, each after those that it builds on."""
    chapters = (availability, pipeline, dependencies, watching, recovery)
    return [group for chapter in chapters for group in chapter.groups(profile)]
