"""Grafana client: the only module that imports grafana-client. That package replaces urllib3, so it is an optional
extra, which most images do not have."""

from typing import Any, Protocol
from urllib.parse import urlsplit


class GrafanaFailed(Exception):
    """Grafana is down or refuses, or grafana-client is not installed. The text says which."""


class Grafana(Protocol):
    """The calls of Grafana's API that we use. Each raises GrafanaFailed."""

    async def find(self, tag: str) -> int | None:
        """Return the id of the annotation that has this tag, or None."""

    async def add(self, began_ms: int, ended_ms: int, tags: list[str], text: str) -> None:
        """Add an annotation for a region of time."""

    async def amend(self, id: int, began_ms: int, ended_ms: int, tags: list[str], text: str) -> None:
        """Change the region, tags and text of an annotation."""

    async def version(self) -> str:
        """Return Grafana's version, if its database works."""

    async def data_source(self, uid: str) -> str:
        """Return the type of a data source, if the data source works."""

    async def dashboard(self, uid: str) -> str:
        """Return the title of a dashboard."""

    async def close(self) -> None:
        """Close the client's connections."""


def connect(url: str, token: str, timeout_s: float) -> Grafana:
    """Return a client, without sending a request. Raises GrafanaFailed if grafana-client is not installed."""
    try:
        from grafana_client import AsyncGrafanaApi
    except ImportError:
        raise GrafanaFailed("grafana-client is not installed: the extra `grafana` has it") from None
    credential: Any = tuple(token.split(":", 1)) if ":" in token else token or None
    return _Connected(AsyncGrafanaApi.from_url(_plain(url), credential=credential, timeout=timeout_s))


def _plain(url: str) -> str:
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    return f"{parts.scheme}://{parts.netloc}" + (f"/{prefix}/" if prefix else "")


class _Connected:
    def __init__(self, api: Any) -> None:
        self._api = api

    async def find(self, tag: str) -> int | None:
        found = await _asked(self._api.annotations.find_annotations(tags=[tag], limit=1))
        return int(found[0]["id"]) if found else None

    async def add(self, began_ms: int, ended_ms: int, tags: list[str], text: str) -> None:
        await _asked(self._api.annotations.add_annotation(time_from=began_ms, time_to=ended_ms, tags=tags, text=text))

    async def amend(self, id: int, began_ms: int, ended_ms: int, tags: list[str], text: str) -> None:
        await _asked(
            self._api.annotations.partial_update_annotation(
                id, time_from=began_ms, time_to=ended_ms, tags=tags, text=text
            )
        )

    async def version(self) -> str:
        health = await _asked(self._api.client.GET("/health"))  # health.check() reads Grafana's page settings instead
        if health.get("database") != "ok":
            raise GrafanaFailed("its database does not work")
        return str(health["version"])

    async def data_source(self, uid: str) -> str:
        source = await _asked(self._api.datasource.get_datasource_by_uid(uid))
        health = await _asked(self._api.datasource.health(uid))
        if health.get("status") != "OK":
            raise GrafanaFailed(f"data source {uid}: {str(health.get('message'))[:200]}")
        return str(source["type"])

    async def dashboard(self, uid: str) -> str:
        found = await _asked(self._api.dashboard.get_dashboard(uid))
        return str(found["dashboard"]["title"])

    async def close(self) -> None:
        await _asked(self._api.client.s.close())


async def _asked(call: Any) -> Any:
    """Return the answer. Raises GrafanaFailed for any error: the package raises many kinds, some of them from other
    packages."""
    try:
        return await call
    except Exception as error:
        raise GrafanaFailed(f"{type(error).__name__}: {str(error)[:200]}") from error
