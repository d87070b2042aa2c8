"""`python -m tests.upgrade.record`: records the messages of the previous release, as they are on its streams, and the
names of its settings, for the short form of the test.

Run it when the previous release changes. It runs the previous build's own code, in its own folder.
"""

import json
import subprocess
import sys
from pathlib import Path

from tests.upgrade import previous

RECORDED = Path(__file__).with_name("recorded.json")
#: The script to run in the previous build. It must not need anything that only this build has.
_SCRIPT = """
import json, sys
sys.path.insert(0, ".")
from holdfast.shared.domain.registry import domain
from holdfast.shared.queue.codec import encode
from holdfast.shared.writes.commands import Create, Delete, Heartbeat, Replace, Update, Write

id = "01900000-0000-7000-8000-00000000000"
users = domain().by_plural["users"]
values = {"name": "Ada L\\u00f6velace \\U0001f600", "email": "Ada@b\\u00fccher.example"}
commands = {
    "create": Create(users, values), "update": Update(users, {"name": "Ada"}), "replace": Replace(users, values),
    "delete": Delete(users), "heartbeat": Heartbeat(),
}
more = {
    "after": id + "3", "if_match": (5, 7), "if_none_match": (9,), "body_hash": "ab" * 32, "request_id": "req_1",
    "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "expires_at": 1893456000000000, "notify": "api-1",
    "replay": "12:34",
}
out = {}
for name, command in commands.items():
    write = Write(id + "1", id + "2", command, 1764000000000000)
    out[name] = encode(write)
    out[name + " with everything"] = encode(write._replace(**more))
out["unless it is there"] = encode(Write(id + "1", id + "2", commands["create"], 5, if_none_match="*"))
from holdfast.services.api.settings import ApiSettings
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.services.writer.settings import WriterSettings

settings = {each.__name__: sorted(each.model_fields) for each in
            (ApiSettings, WriterSettings, DlqAdminSettings, ProxySettings)}
json.dump({"entries": out, "settings": settings}, sys.stdout, sort_keys=True)
"""


def main() -> None:
    """Write the record."""
    before = previous.name()
    made = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=previous.files(before), capture_output=True, text=True, check=True
    )
    RECORDED.write_text(json.dumps({"release": before} | json.loads(made.stdout), indent=1) + "\n")


if __name__ == "__main__":
    main()
