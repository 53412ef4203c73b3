"""The one place that reads the environment.

Each setting is an environment variable with the prefix ``CANVAS_DEMO_`` (``port_web`` is
``CANVAS_DEMO_PORT_WEB``). The defaults are those of a stack on one machine.
"""

import hashlib
import hmac
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

CDC_ROLE = "canvas_demo_cdc"
"""The role that Debezium reads the replication stream and, where that has a gap, the outboxes with; no more."""
DEFAULT_PORTS = {"http": 80, "https": 443}
MODULES = ("keys", "identity", "canvases", "files", "websockets", "notifications")


class SettingError(ValueError):
    """A setting that nothing can run with; says which, and what to do."""


class Settings(BaseSettings):
    """All settings of the stack and of the backend."""

    model_config = SettingsConfigDict(env_prefix="CANVAS_DEMO_", frozen=True, extra="ignore")

    home: Path = Field(Path.home() / ".canvas-demo", description="folder that holds all state of one stack")
    cache: Path = Field(
        Path.home() / ".cache" / "canvas-demo",
        description="folder with what any stack may share: jars and JVM AOT caches",
    )
    host: str = Field("127.0.0.1", description="address that every server listens on")
    ports: str = Field("", description="auto: the stack chooses free ports and remembers them in home")

    port_web: int = Field(3000, description="UI, API and websockets", ge=0, le=65535)
    port_websockets: int = Field(3001, description="first port of further websocket hosts", ge=0, le=65535)
    port_grpc: int = Field(3050, description="first of the modules' gRPC ports, one a module", ge=0, le=65535)
    port_metrics: int = Field(
        3150, description="first of the ports at which modules that run apart tell their metrics", ge=0, le=65535
    )
    port_postgres: int = Field(3432, description="PostgreSQL", ge=0, le=65535)
    port_kafka: int = Field(3092, description="Kafka, for clients", ge=0, le=65535)
    port_kafka_controller: int = Field(3093, description="Kafka, KRaft controller", ge=0, le=65535)
    port_connect: int = Field(3083, description="Kafka Connect's REST", ge=0, le=65535)

    postgres_host: str = Field("127.0.0.1", description="where PostgreSQL listens")
    postgres_database: str = Field("canvas_demo", description="the database")
    postgres_admin: str = Field("postgres", description="role that migrates the database")
    slot_wal_limit: str = Field(
        "2GB",
        description="WAL that the replication slot may keep from being removed; beyond it the slot is lost",
        pattern=r"^[1-9]\d*[MG]B$",
    )
    connector_restarts: bool = Field(
        False,
        description="whether the process with the gateway restarts the connector where it has failed: the stack's "
        "supervisor does, and in compose there is none",
    )
    kafka_bootstrap: str = Field("", description="Kafka's bootstrap servers; empty: this host, port_kafka")
    connect_url: str = Field("", description="Kafka Connect's REST; empty: this host, port_connect")
    grpc_addresses: dict[str, str] = Field(
        default_factory=dict,
        description='JSON, module → "host:port" where it is not on this host; several instances: "ip:port,ip:port"',
    )
    grpc_listen: dict[str, str] = Field(
        default_factory=dict,
        description='JSON, module → "host:port" it listens on in this process where that is another, or one of several',
    )
    websocket_host_name: str = Field("ws-1", description="name of this websocket host")
    websocket_ping: float = Field(
        20.0, description="seconds between two pings of a websocket, and until one that is not answered ends it", gt=0
    )
    websocket_rate: float = Field(50.0, description="messages a second that a client may send over time", gt=0)
    subscription_grace: float = Field(
        10.0, description="seconds for which a subscription, and so a person's presence, outlives its connection", ge=0
    )
    websocket_burst: int = Field(250, description="messages that a client may send at once", ge=1)
    websocket_urls: list[str] = Field(
        default_factory=list,
        description="JSON list of the websocket hosts that the gateway passes /ws on to; empty: it does not",
    )

    consumer_attempts: int = Field(
        5, description="attempts at a record before it waits for a person; one that ends the process counts", ge=1
    )
    consumer_first_retry: float = Field(0.1, description="seconds after a first failure; then twice as long", gt=0)
    consumer_last_retry: float = Field(10.0, description="seconds between attempts at most", gt=0)
    consumer_session: float = Field(
        6.0, description="seconds of silence after which a consumer is taken for dead", ge=6, le=1800
    )
    consumer_poll_interval: float = Field(
        300.0, description="seconds that a consumer may take over a batch before others get its partitions", ge=6
    )
    debezium_poll: int = Field(
        2,
        description="milliseconds between two looks of Debezium at the log: later events, or less of a processor "
        "while nothing happens (a third of a core at 2, a tenth at 10)",
        ge=1,
    )
    metrics_listen: str = Field(
        "", description='"host:port" of /metrics in a process that answers no other HTTP; empty: none'
    )
    transaction_idle: float = Field(
        30.0, description="seconds that a transaction may wait for its process, frozen say, before it is ended", gt=0
    )

    secret: SecretStr = Field(
        SecretStr("canvas-demo"),
        description="what service credentials and the passwords of database roles are derived from",
    )
    postgres_password: SecretStr = Field(
        SecretStr(""), description="password of postgres_admin; empty: derived from the secret"
    )
    cdc_password: SecretStr = Field(
        SecretStr(""), description="password of the role that Debezium reads with; empty: derived from the secret"
    )
    master_key: SecretStr = Field(
        SecretStr(""), description="key-encryption key of the module keys: 32 bytes in base64"
    )
    master_key_file: Path | None = Field(None, description="file that holds the master key; wins over master_key")
    files_url: str = Field(
        "", description="where file contents are kept: file:///folder or s3://bucket/prefix; empty: a folder in home"
    )
    files_options: dict[str, str] = Field(
        default_factory=dict,
        description="JSON, what the storage of files_url needs besides, in obstore's names: "
        '{"endpoint": …, "region": …, "access_key_id": …, "secret_access_key": …}',
    )
    file_size_limit: int = Field(5 * 1024**3, description="bytes that one file may have", gt=0)
    organization_size_limit: int = Field(20 * 1024**3, description="bytes that one organisation may store", gt=0)
    upload_lifetime: float = Field(
        86_400, description="seconds after its last byte that an unfinished upload is kept", gt=0
    )
    web_origins: list[str] = Field(
        default_factory=list, description="JSON list of origins whose pages may open a websocket; empty: port_web"
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="JSON list of reverse proxies, or networks of them, whose X-Forwarded-For and -Proto are believed",
    )
    log_level: str = Field("INFO", description="lowest level of log lines")

    @cached_property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers."""
        return self.kafka_bootstrap or f"{self.host}:{self.port_kafka}"

    @cached_property
    def connect(self) -> str:
        """Where Kafka Connect's REST answers."""
        return self.connect_url or f"http://{self.host}:{self.port_connect}"

    @cached_property
    def origins(self) -> frozenset[str]:
        """Origins that are our own, as browsers send them. Raises `SettingError` where one is none."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        own = [f"http://{name}:{self.port_web}" for name in ("localhost", "127.0.0.1", host)]
        return frozenset(map(_origin, self.web_origins or own))

    def grpc_address(self, module: str) -> str:
        """The ``host:port`` at which ``module`` answers; of several instances all, with commas between."""
        return self.grpc_addresses.get(module) or f"{self.host}:{self.port_grpc + MODULES.index(module) + 1}"

    def grpc_listen_address(self, module: str) -> str:
        """The ``host:port`` that ``module`` listens on in this process."""
        return self.grpc_listen.get(module) or self.grpc_address(module)

    def derived_secret(self, purpose: str) -> str:
        """A secret for one purpose, as 64 hex digits: HMAC-SHA-256 of it under ``secret``."""
        return hmac.new(self.secret.get_secret_value().encode(), purpose.encode(), hashlib.sha256).hexdigest()

    def database_password(self, role: str) -> str:
        """The password of a role: a module's name, ``postgres_admin`` or `CDC_ROLE`."""
        given = {self.postgres_admin: self.postgres_password, CDC_ROLE: self.cdc_password}.get(role)
        return (given.get_secret_value() if given else "") or self.derived_secret(f"postgres/{role}")

    def database_url(self, role: str) -> str:
        """The libpq URL of the database for ``role``."""
        password = quote(self.database_password(role), safe="")
        return f"postgresql://{role}:{password}@{self.postgres_host}:{self.port_postgres}/{self.postgres_database}"


def _origin(url: str) -> str:
    """The origin of a page as it is sent: lower case, and without a port that goes without saying (RFC 6454, 6.2)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.path not in {"", "/"}:
        message = f"CANVAS_DEMO_WEB_ORIGINS: {url!r} is no origin; write https://name or https://name:port."
        raise SettingError(message)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    said = "" if port in {None, DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{said}"
