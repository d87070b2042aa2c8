"""The capacity calculator: from a load and costs to a sizing."""

import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.capacity.__main__ import main
from deploy.capacity.costs import Costs
from deploy.capacity.model import BUSY_MAX, Load, Need, first_full, needs
from deploy.capacity.page import filled
from deploy.capacity.table import WIDTH, amount, table

_COSTS = Costs(**{field.name: 100.0 for field in fields(Costs)})
_rates = st.floats(0.001, 1e7)
_loads = st.builds(Load, rate=_rates, retention=st.floats(0.01, 36_500), reads=st.floats(0, 1e7), keyed=st.floats(0, 1))


@given(_loads)
def test_the_table_fits_a_terminal(load: Load) -> None:
    """No line of the table is wider than a terminal, whatever the load, with costs that were measured."""
    for line in table(load, needs(load, Costs.read())).splitlines():
        assert len(line) <= WIDTH, line


@given(_loads, st.floats(1, 10))
def test_nothing_gets_less_with_more_load(load: Load, factor: float) -> None:
    """More writes and reads never need less of anything, and the first bottleneck is full at the same rate while reads
    grow with writes."""
    more = replace(load, rate=min(load.rate * factor, 1e7), reads=min(load.reads * factor, 1e7))
    for before, after in zip(needs(load, _COSTS), needs(more, _COSTS), strict=True):
        assert after.amount >= before.amount * (1 - 1e-9)
    if more.rate < 1e7 and more.reads < 1e7:
        assert math.isclose(first_full(needs(load, _COSTS)).at_most, first_full(needs(more, _COSTS)).at_most)


def test_a_sizing_by_hand() -> None:
    """The needs of 1,000 writes/s and as many reads, each at 100 µs and 100 bytes, are as calculated by hand."""
    found = {need.part: need for need in needs(Load(rate=1000, retention=10, reads=1000), _COSTS)}
    assert found["api"].amount == math.ceil(0.2 / BUSY_MAX)
    assert found["queue, one core"].amount == pytest.approx(0.2)
    assert found["queue, one core"].at_most == pytest.approx(1000 * BUSY_MAX / 0.2)
    assert found["queue, keys"].amount == pytest.approx(1000 * 300 * 100 + 3 * 8192 * 2048)
    assert found["database, history"].amount == pytest.approx(1000 * 864_000 * 100)
    assert found["queue, disk"].amount == pytest.approx(4)


def test_one_is_written_as_one() -> None:
    """One process is written in the singular (`1 process`), and two in the plural (`2 processes`)."""
    assert [amount(Need("api", count, "processes", "replicas")) for count in (1, 2)] == ["1 process", "2 processes"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("retention=30", "RATE= is missing"),
        ("rate= retention=30", "RATE= is missing"),
        ("rate=ten retention=30", "RATE is a number, not 'ten'"),
        ("rate=-5 retention=30", "RATE is writes/s, from 0.001"),
        ("rate=nan retention=30", "RATE is writes/s"),
        ("rate=inf retention=30", "RATE is writes/s"),
        ("rate=10 retention=0", "RETENTION is days"),
        ("rate=10 retention=1 keyed=2", "KEYED is a share"),
        ("rate=10 retention=1 speed=2", "speed: not one of"),
        ("rate=10 retention=1 costs=/nowhere", "/nowhere"),
    ],
)
def test_nonsense_is_answered_with_a_sentence(capsys: pytest.CaptureFixture[str], arguments: str, error: str) -> None:
    """Invalid arguments are answered with one line on standard error, exit code 2 and no traceback."""
    assert main(arguments.split()) == 2
    shown = capsys.readouterr()
    assert (shown.out, error in shown.err, shown.err.count("\n")) == ("", True, 1)


def test_the_page_is_of_the_costs_that_are_kept() -> None:
    """The page on scaling is that of the stored costs; `make bench-costs` writes both."""
    page = Path("docs/scaling.md").read_text()
    assert filled(page, Costs.read()) == page


def test_costs_of_another_form_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of costs in another form, such as that of some other command, is refused with one line."""
    for text in ("{}", '{"costs": {"api_write_us": 1}}', "no JSON"):
        (tmp_path / "costs").write_text(text)
        assert main(["rate=1", "retention=1", f"costs={tmp_path / 'costs'}"]) == 2
    assert capsys.readouterr().err.count("capacity:") == 3
