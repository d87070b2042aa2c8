"""The time limits of every service, each beside what has to fit into it."""

from collections.abc import Iterable

from deploy.reference.markdown import page, table
from deploy.reference.services import SERVICES
from holdfast.shared.runtime.settings import StoreSettings
from holdfast.shared.runtime.time_budgets import FIXED, Budget

_ABOUT = """Checked when a service starts: the worst case of the inner limits, one after another, ends before the outer
one. A name in small letters is a [setting](settings.md), shown with its default; one in capitals is a constant."""


def time_budgets() -> str:
    """The page."""
    parts = [_section("every service", FIXED)]
    for name, model in SERVICES.items():
        needed = {"db_dsn": "mysql://user:password@host/db"} if issubclass(model, StoreSettings) else {}
        budgets = model.model_validate({"profile": "demo", **needed}).budgets()
        if budgets:
            parts.append(_section(name, budgets))
    return page("Time budgets", _ABOUT, *parts)


def _section(name: str, budgets: Iterable[Budget]) -> str:
    rows = [
        (budget.what, " + ".join(f"`{part}`" for part in budget.inner), f"{budget.worst_s:g} s", f"`{budget.outer}`")
        for budget in budgets
    ]
    return f"## {name}\n\n{table(('what', 'worst case', 'is', 'within'), rows)}"
