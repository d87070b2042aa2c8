"""Secret files: any setting may be read from a file that `NAME_FILE` names, `DB_DSN_FILE=/run/secrets/dsn`. Unlike the
environment, a file is not shown by `docker inspect` and not inherited by child processes."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, SettingsError

_SUFFIX = "_FILE"


def variable(prefix: str, name: str, field: FieldInfo) -> str:
    """The environment variable of a field."""
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"{prefix}{name}".upper()


def file_variables(variables: Iterable[str]) -> set[str]:
    """The variables that may name files for these."""
    return {name + _SUFFIX for name in variables}


class SecretFiles(EnvSettingsSource):
    """The settings source. It comes after the environment, so a value there wins. Raises SettingsError, naming the
    variable, if a file cannot be read."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        environment = super()._load_env_vars()
        prefix = str(self.settings_cls.model_config.get("env_prefix", ""))
        read: dict[str, str | None] = {}
        for name, field in self.settings_cls.model_fields.items():
            asked = variable(prefix, name, field)
            if path := environment.get((asked + _SUFFIX).lower()):
                read[asked.lower()] = _text(asked + _SUFFIX, Path(path))
        return read


def _text(asked: str, path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{asked}: {path}: {getattr(error, 'strerror', None) or 'is not text'}") from None
