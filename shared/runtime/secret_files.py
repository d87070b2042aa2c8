"""Secret files: any setting may be read from a file that `NAME_FILE` names, such as `DB_DSN_FILE=/run/secrets/dsn`.
Unlike the environment, a file is not shown by `docker inspect` and not inherited by child processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from holdfast.shared.runtime.variables import FILE_SUFFIX, variable_of


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value that is not text, or whose file is empty or cannot be read, so that it is refused together
    with all other faults."""

    variable: str
    why: str


class Environment(EnvSettingsSource):
    """The environment as a settings source. A value that should be JSON and is not is kept as text, so that it is
    refused together with all other faults."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of a field, its key, and whether it is JSON."""
        value, key, complex_value = super().get_field_value(field, field_name)
        if isinstance(value, str) and not _is_text(value):
            name = key if field.validation_alias else variable_of(field_name, field)
            value = Unreadable(name, "is not text in UTF-8")
        return value, key, complex_value

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return the value parsed as JSON, or the text itself."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except (ValueError, TypeError):
            return value


class SecretFiles(Environment):
    """The settings source that reads files. It comes after the environment, so a value in the environment wins."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        environment = super()._load_env_vars()
        read: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            asked = variable_of(name, field)
            if path := environment.get((asked + FILE_SUFFIX).lower()):
                read[asked.lower()] = _text(asked + FILE_SUFFIX, Path(path))
        return read


def _is_text(value: str) -> bool:
    """Return whether the value can be written in UTF-8. Other bytes of the environment are read as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(asked: str, path: Path) -> str | Unreadable:
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        return Unreadable(asked, f"{path}: {getattr(error, 'strerror', None) or 'is not text'}")
    return text or Unreadable(asked, f"{path}: is empty")
