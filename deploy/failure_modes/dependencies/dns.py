"""DNS."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, runbook, setting

_NAMES = "faults/test_names.py"
_GONE = f"{_NAMES}::test_no_name_is_known"
_HANGS = f"{_NAMES}::test_a_resolver_that_hangs"

DEPENDENCY = Dependency(
    "DNS",
    "Names of the stores, of external_proxy and of the third party. Open connections need no name.",
    {
        Mode.GONE: Failure(
            effect=Effect.COPIES,
            clients="Open connections go on. New ones cannot be made: as each dependency gone. Services start without "
            "it.",
            detected=f"`Name or service not known` in the logs; {alert('BreakerOpen')}, {alert('TargetDown')}.",
            heals="Names are asked for with every new connection.",
            person=f"Mend the resolver; an address can stand in for a name: {runbook('BreakerOpen')}.",
            proofs=(_GONE,),
        ),
        Mode.HANGING: Failure(
            effect=Effect.COPIES,
            clients="As each dependency hanging. The database's threads wait as long as the resolver does, beyond "
            f"{setting('db_connect_timeout_s', 'api')}; requests do not. A direct write is then answered at "
            "its deadline, indefinite.",
            detected=f"As gone: {alert('BreakerOpen')}.",
            heals="When names are answered again.",
            person="Short `timeout` and `attempts` in `resolv.conf`.",
            proofs=(_HANGS,),
        ),
        Mode.SLOW: SameAs("DNS", Mode.HANGING, "Beyond the limits for a connection; below them nobody notices."),
        Mode.ERRORS: SameAs("DNS", Mode.GONE, "An error and no such name are the same to who asks.", (_GONE,)),
        Mode.WRONG: Failure(
            effect=Effect.COPIES,
            clients="Another server than the right one: with TLS it is refused, without an account it refuses us.",
            detected=f"The reason is in the log; {alert('BreakerOpen')}, {alert('LoopCrashing')}.",
            heals="When the name is right.",
            person=f"Use TLS to the stores. {runbook('LoopCrashing')}.",
            proofs=(
                "integration/test_tls.py::test_a_server_by_another_name_is_refused",
                "integration/test_external_api.py::test_something_else_at_the_proxys_address_is_not_believed",
                "faults/test_refused.py::test_a_wrong_password",
            ),
        ),
        Mode.FULL: SameAs("DNS", Mode.GONE, "A resolver that takes no more questions answers errors, or not at all."),
        Mode.FORGETTING: SameAs("DNS", Mode.GONE, "A name that it forgot is a name that does not exist."),
        Mode.READ_ONLY: Impossible("Holdfast registers no names."),
        Mode.FLAPPING: SameAs(
            "DNS", Mode.GONE, "Each new connection asks anew; open ones go on.", (_GONE, _HANGS),
        ),
        Mode.HALF_CUT_OFF: SameAs(
            "DNS", Mode.GONE, "Some names, or some machines: each dependency whose name is missing is gone for "
            "whoever asks.", (_GONE,),
        ),
    },
)  # fmt: skip
