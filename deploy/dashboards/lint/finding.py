"""Findings: what is wrong, where, and by which rule."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding. `where`: a panel's title, a variable or an annotation, or empty for the whole dashboard."""

    rule: str
    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where or 'dashboard'}: {self.sentence} ({self.rule})"
