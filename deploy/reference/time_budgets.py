"""The time limits of every service, each beside what has to fit into it."""

from deploy.reference.markdown import page, table
from deploy.reference.services import SERVICES
from holdfast.shared.runtime.settings import StoreSettings

_ABOUT = """Checked when a service starts: the worst case of the inner limits, one after another, ends before the outer
one. The numbers are the defaults; every name is a [setting](settings.md)."""


def time_budgets() -> str:
    """The page."""
    parts = []
    for name, model in SERVICES.items():
        needed = {"db_dsn": "mysql://user:password@host/db"} if issubclass(model, StoreSettings) else {}
        budgets = model.model_validate({"profile": "demo", **needed}).budgets()
        if budgets:
            rows = [
                (budget.what, " + ".join(f"`{part}`" for part in budget.inner), f"{budget.worst_s:g} s",
                 f"`{budget.outer}`")
                for budget in budgets
            ]  # fmt: skip
            parts.append(f"## {name}\n\n{table(('what', 'worst case', 'is', 'within'), rows)}")
    return page("Time budgets", _ABOUT, *parts)
