"""TLS: the TLS of a connection, from the options of an address. One table serves Redis and the database.

Any of these options turns TLS on, except one that turns it off. The server's certificate and its name are verified
unless an option says otherwise. Options that contradict one another are refused.

Certificates are renewed on disk while a service runs: each new connection uses the files as they are then.
"""

import os
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_YES_NO: Mapping[str, bool] = {
    "true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip

_UNVERIFIED: Mapping[str, Any] = {"verify_chain": False, "verify_name": False}
_NONE: Mapping[str, Any] = {"enabled": False}
_PREFERRED: Mapping[str, Any] = {"required": False, **_UNVERIFIED}
_FULL: Mapping[str, Any] = {"verify_chain": True, "verify_name": True}

#: Converts an option's value to fields of `Tls`. Raises KeyError for an unknown value.
_Read = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection is encrypted. If `required` is False, it is encrypted only if the server offers TLS."""

    required: bool = True
    verify_chain: bool = True
    verify_name: bool = True
    ca_file: str | None = None
    ca_folder: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context for the driver. Raises ValueError, naming the file, if a file cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.ca_file or self.ca_folder:
                context.load_verify_locations(self.ca_file, self.ca_folder)
            elif self.verify_chain:
                context.load_default_certs()
        except OSError as error:  # ssl.SSLError is a subclass of OSError
            raise ValueError(f"CA {self.ca_file or self.ca_folder}: {_reason(error)}") from None
        context.check_hostname = self.verify_name
        context.verify_mode = ssl.CERT_REQUIRED if self.verify_chain else ssl.CERT_NONE
        if self.certificate:
            try:
                # Without a password OpenSSL would ask for one on the terminal.
                context.load_cert_chain(self.certificate, self.key, password=self.key_password or "")
            except OSError as error:
                files = " and ".join(filter(None, (self.certificate, self.key)))
                raise ValueError(f"certificate {files}: {_reason(error)}") from None
        return context


#: Which file it is and when it was written; None: it cannot be looked at.
_Stamp = tuple[int, int, int] | None


class Renewed:
    """The context of `tls`, made anew when its files have been replaced. What cannot be read, or does not fit together
    yet, changes nothing, and is tried again for the next connection. Raises ValueError as `Tls.context` does."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._files = [file for file in (tls.ca_file, tls.certificate, tls.key) if file]
        self._stamps = self._look()
        self._made = tls.context()

    def context(self) -> ssl.SSLContext:
        """Return the context for one connection. Threads may ask at once."""
        stamps = self._look()
        if stamps != self._stamps:
            try:
                self._made = self._tls.context()
            except ValueError:
                return self._made
            self._stamps = stamps
        return self._made

    def _look(self) -> list[_Stamp]:
        return [_stamp(file) for file in self._files]


def _stamp(file: str) -> _Stamp:
    try:
        seen = os.stat(file)
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _field(name: str) -> _Read:
    return lambda value: {name: value}


def _yes_no(name: str) -> _Read:
    return lambda value: {name: _YES_NO[value.lower()]}


def _one_of(values: Mapping[str, Mapping[str, Any]]) -> _Read:
    return lambda value: values[value.lower().replace("_", "-")]


#: The options by name, with `-` written as `_`, in any case: those of redis-py, PyMySQL, SQLAlchemy, MySQL's own
#: clients and Go.
OPTIONS: Mapping[str, _Read] = {
    "ssl_ca": _field("ca_file"),
    "ssl_ca_certs": _field("ca_file"),
    "ssl_capath": _field("ca_folder"),
    "ssl_ca_path": _field("ca_folder"),
    "ssl_cert": _field("certificate"),
    "ssl_certfile": _field("certificate"),
    "ssl_key": _field("key"),
    "ssl_keyfile": _field("key"),
    "ssl_key_password": _field("key_password"),
    "ssl_password": _field("key_password"),
    "ssl_verify_cert": _yes_no("verify_chain"),
    "ssl_cert_reqs": _one_of({
        # For a client, Python's `optional` equals `required`, because a server always shows a certificate.
        "none": {"verify_chain": False}, "optional": {"verify_chain": True}, "required": {"verify_chain": True},
    }),
    "ssl_verify_identity": _yes_no("verify_name"),
    "ssl_check_hostname": _yes_no("verify_name"),
    "ssl": _yes_no("enabled"),
    "ssl_mode": _one_of({
        "disabled": _NONE, "preferred": _PREFERRED, "required": _UNVERIFIED,
        "verify-ca": {"verify_chain": True, "verify_name": False}, "verify-identity": _FULL,
    }),
    "tls": _one_of({"true": _FULL, "false": _NONE, "skip-verify": _UNVERIFIED, "preferred": _PREFERRED}),
}  # fmt: skip


def read(options: Iterable[tuple[str, str]]) -> Tls | None:
    """Return TLS for these (name, value) pairs, whose names are all in OPTIONS, or None if not encrypted. Raises
    ValueError."""
    wanted: dict[str, Any] = {}
    set_by: dict[str, str] = {}
    for name, value in options:
        try:
            fields = OPTIONS[name](value)
        except KeyError:
            raise ValueError(f"the value of the option {name} is unknown") from None
        for field, meant in fields.items():
            if wanted.setdefault(field, meant) != meant:
                raise ValueError(f"the options {set_by[field]} and {name} contradict each other")
            set_by.setdefault(field, name)
    if wanted.get("verify_chain") is False:
        wanted.setdefault("verify_name", False)
    _check(wanted, set_by)
    return Tls(**wanted) if wanted.pop("enabled", True) else None


def _check(wanted: Mapping[str, Any], set_by: Mapping[str, str]) -> None:
    """Raise ValueError for options that others make ineffective."""
    if wanted.get("enabled") is False and len(wanted) > 1:
        raise ValueError(f"{set_by['enabled']} turns TLS off, so it cannot stand beside other options of TLS")
    if wanted.get("verify_chain") is False:
        for field in ("verify_name", "ca_file", "ca_folder"):
            if wanted.get(field):
                raise ValueError(f"{set_by[field]} needs a verified certificate: not with {set_by['verify_chain']}")
    for field, other in (("key", "certificate"), ("key_password", "certificate")):
        if wanted.get(field) and not wanted.get(other):
            raise ValueError(f"{set_by[field]} needs a certificate beside it")


def _reason(error: OSError) -> str:
    return (
        error.strerror
        if isinstance(error, ssl.SSLError | FileNotFoundError) and error.strerror
        else type(error).__name__
    )
