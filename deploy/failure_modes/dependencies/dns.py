"""DNS."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, runbook, setting

_NAMES = "faults/test_names.py"
_GONE = f"{_NAMES}::test_no_name_is_known"
_HANGS = f"{_NAMES}::test_a_resolver_that_hangs"

DEPENDENCY = Dependency(
    "DNS",
    "DNS resolves the names of the stores, of external_proxy and of the third party. Open connections need no name.",
    {
        Mode.GONE: Failure(
            effect=Effect.COPIES,
            clients="Open connections go on. New connections cannot be made: same as each dependency gone. Services "
            "start without DNS.",
            detected=f"The logs have `Name or service not known`; {alert('BreakerOpen')}, {alert('TargetDown')}.",
            heals="Each new connection resolves its name again.",
            person=f"Mend the resolver; an address can replace a name: {runbook('BreakerOpen')}.",
            proofs=(_GONE,),
        ),
        Mode.HANGING: Failure(
            effect=Effect.COPIES,
            clients="Same as each dependency hanging. The database's threads wait as long as the resolver does, "
            f"beyond {setting('db_connect_timeout_s', 'api')}; requests do not wait. A direct write is then answered "
            "at its deadline, indefinite.",
            detected=f"Same as *gone*: {alert('BreakerOpen')}.",
            heals="When names are resolved again.",
            person="Set a short `timeout` and few `attempts` in `resolv.conf`.",
            proofs=(_HANGS,),
        ),
        Mode.SLOW: SameAs("DNS", Mode.HANGING, "This holds beyond the timeouts for a connection; below them, "
            "clients notice nothing."),
        Mode.ERRORS: SameAs("DNS", Mode.GONE, "To a client of the resolver, an error and an unknown name are the "
            "same.", (_GONE,)),
        Mode.WRONG: Failure(
            effect=Effect.COPIES,
            clients="A name leads to a wrong server. With TLS, the connection is refused; without TLS, a server that "
            "does not have Holdfast's account refuses it.",
            detected=f"The log has the reason; {alert('BreakerOpen')}, {alert('LoopCrashing')}.",
            heals="When the name is right again.",
            person=f"Use TLS to the stores. {runbook('LoopCrashing')}.",
            proofs=(
                "integration/test_tls.py::test_a_server_by_another_name_is_refused",
                "integration/test_external_api.py::test_something_else_at_the_proxys_address_is_not_believed",
                "faults/test_refused.py::test_a_wrong_password",
            ),
        ),
        Mode.FULL: SameAs("DNS", Mode.GONE, "A resolver that takes no more queries answers errors, or not at all."),
        Mode.FORGETTING: SameAs("DNS", Mode.GONE, "A name that the resolver forgot does not exist."),
        Mode.READ_ONLY: Impossible("Holdfast registers no names."),
        Mode.FLAPPING: SameAs(
            "DNS", Mode.GONE, "Each new connection resolves its name again; open connections go on.", (_GONE, _HANGS),
        ),
        Mode.HALF_CUT_OFF: SameAs(
            "DNS", Mode.GONE, "Only some names or some machines are affected: where a name is missing, its "
                "dependency is gone.", (_GONE,),
        ),
    },
)  # fmt: skip
