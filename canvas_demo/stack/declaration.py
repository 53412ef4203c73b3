"""The stack, declared once: its components, their order, readiness, ports and environment.

The native runner starts what is written here; a test holds compose/ against it. Nothing here
starts, reads or connects to anything.
"""

import json
import signal
from dataclasses import replace

from canvas_demo.kernel.settings import CDC_ROLE, MODULES, Settings
from canvas_demo.stack.component import AcceptsQueries, Answers, Component, Ends, Layout, Listens, Streams
from canvas_demo.stack.home import children_environment

CONNECTOR = "outbox"
MOST_INSTANCES = 3
SERVES_ON = 20.0
"""Seconds that a part of ours is given to end: the longest call has its time after the last HTTP request."""
# After the modules' own ports and those of seven further websocket hosts.
GRPC_OF_FURTHER_INSTANCES = 16


def declare(settings: Settings, layout: Layout) -> tuple[Component, ...]:
    """Every component, each after what it needs."""
    components = (
        postgres(settings),
        kafka(settings),
        Component("migrations", "migrate", Ends(), needs=("postgres",), environment=children_environment(settings)),
        connect(settings),
        *backend(settings, layout),
        Component(CONNECTOR, "connector", Streams(CONNECTOR), needs=("connect", "migrations")),
    )
    if layout.train:
        components = tuple(training(component) for component in components)
    return only(components, layout.only) if layout.only else components


def training(component: Component) -> Component:
    """A JVM that takes its time to end, for it writes its cache then; other components as they are."""
    is_jvm = component.program in ("kafka", "connect")
    return replace(component, trains=True, stop_seconds=180.0) if is_jvm else component


def only(components: tuple[Component, ...], names: tuple[str, ...]) -> tuple[Component, ...]:
    """The named components, as if there were no others: for tests and for looking at one part alone."""
    return tuple(
        replace(component, needs=tuple(need for need in component.needs if need in names))
        for component in components
        if component.name in names
    )


def postgres(settings: Settings) -> Component:
    """PostgreSQL; its config is ``-c`` options, so that compose can give the same."""
    return Component(
        "postgres",
        "postgres",
        AcceptsQueries(settings.port_postgres),
        ports={"port_postgres": settings.port_postgres},
        address=f"{settings.postgres_host}:{settings.port_postgres}",
        config={
            "wal_level": "logical",
            "track_commit_timestamp": "on",
            "max_connections": "200",
            "max_replication_slots": "20",
            "max_wal_senders": "20",
            # What a slot may keep of the WAL before PostgreSQL gives it up; the alarm is at a quarter of it.
            "max_slot_wal_keep_size": settings.slot_wal_limit,
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # Not the values of a row that violates a constraint, names of people among them.
            "log_error_verbosity": "terse",
        },
        # SIGINT: a fast shutdown, which doesn't wait for clients (postgres(1)).
        stop_signal=signal.SIGINT,
    )


def kafka(settings: Settings) -> Component:
    """One Kafka node that is broker and controller (KRaft)."""
    broker, controller = (f"{settings.host}:{port}" for port in (settings.port_kafka, settings.port_kafka_controller))
    return Component(
        "kafka",
        "kafka",
        Listens(settings.port_kafka),
        ports={"port_kafka": settings.port_kafka, "port_kafka_controller": settings.port_kafka_controller},
        address=broker,
        config={
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "BROKER",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listeners": f"BROKER://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"BROKER://{broker}",
            "num.partitions": "6",
            "default.replication.factor": "1",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            # Kafka's defaults are for machines with hundreds of topics: 128 MB for the cleaner alone.
            "log.cleaner.dedupe.buffer.size": "4194304",
            "log.cleaner.io.buffer.size": "131072",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "2",
            # A broker that was killed is not taken back before its last session has ended.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "400",
            # A lone consumer need not wait for others to join.
            "group.initial.rebalance.delay.ms": "0",
        },
    )


def connect(settings: Settings) -> Component:
    """Kafka Connect, distributed mode; retries until Kafka answers, so it starts beside it."""
    return Component(
        "connect",
        "connect",
        Answers(f"{settings.connect}/health"),
        needs=("kafka",),
        eager=True,
        ports={"port_connect": settings.port_connect},
        address=settings.connect,
        config={
            "bootstrap.servers": settings.bootstrap,
            "listeners": f"http://{settings.host}:{settings.port_connect}",
            "rest.advertised.host.name": settings.host,
            "group.id": "canvas-demo-connect",
            "config.storage.topic": "canvas-demo-connect-configs",
            "offset.storage.topic": "canvas-demo-connect-offsets",
            "status.storage.topic": "canvas-demo-connect-status",
            "config.storage.replication.factor": "1",
            "offset.storage.replication.factor": "1",
            "status.storage.replication.factor": "1",
            "offset.storage.partitions": "1",
            "status.storage.partitions": "1",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "header.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.flush.interval.ms": "1000",
            # Kafka may take longer than a minute to start, where much else is going on.
            "default.api.timeout.ms": "180000",
            # A worker that comes back takes its tasks at once.
            "scheduled.rebalance.max.delay.ms": "0",
            # One that was killed is no longer waited for: as soon as the broker allows.
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "1500",
            "plugin.discovery": "service_load",
            "connector.client.config.override.policy": "All",
            "config.providers": "env",
            "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
            "config.providers.env.param.allowlist.pattern": "^CANVAS_DEMO_.*",
        },
        environment={
            "CANVAS_DEMO_POSTGRES_HOST": settings.postgres_host,
            "CANVAS_DEMO_PORT_POSTGRES": str(settings.port_postgres),
            "CANVAS_DEMO_POSTGRES_DATABASE": settings.postgres_database,
            "CANVAS_DEMO_CDC_USER": CDC_ROLE,
            "CANVAS_DEMO_CDC_PASSWORD": settings.database_password(CDC_ROLE),
        },
    )


def backend(settings: Settings, layout: Layout) -> tuple[Component, ...]:
    """The modules and the gateway: in one process or each in its own, and further websocket hosts."""
    hosts = [websocket_host(settings, layout, number) for number in range(1, layout.websocket_hosts + 1)]
    if not layout.split:
        return (gateway(settings, layout), *hosts[1:])
    alone = (
        module_host(settings, layout, module, number)
        for module in MODULES
        if module != "websockets"
        for number in range(1, layout.instances.get(module, 1) + 1)
    )
    return (*alone, *hosts, gateway(settings, layout))


# Ports


def websocket_port(settings: Settings, layout: Layout, number: int) -> int:
    """Where browsers reach the websocket host of this number: the first one is in the backend unless split off."""
    if number == 1 and not layout.split:
        return settings.port_web
    return settings.port_websockets + number - (1 if layout.split else 2)


def grpc_offset(module: str, number: int) -> int:
    """How far above ``port_grpc`` the instance of this number answers."""
    if number == 1:
        return 1 + MODULES.index(module)
    if module == "websockets":
        return 1 + len(MODULES) + number - 2
    return GRPC_OF_FURTHER_INSTANCES + len(MODULES) * (number - 2) + MODULES.index(module)


def grpc_addresses(settings: Settings, layout: Layout) -> dict[str, str]:
    """Module → where its instances answer, for those that have several."""
    several = {**layout.instances, "websockets": layout.websocket_hosts}
    return {
        module: ",".join(
            f"{settings.host}:{settings.port_grpc + grpc_offset(module, number)}" for number in range(1, count + 1)
        )
        for module, count in several.items()
        if count > 1
    }


# Processes of ours


BACKEND_NEEDS = ("postgres", "kafka", "migrations")
ALLOCATOR = {"MALLOC_ARENA_MAX": "1"}
"""glibc's malloc keeps what was freed apart for nearly every thread; from one arena, all of them take it again.

See docs/decisions/one-arena.md.
"""


def part_environment(settings: Settings, layout: Layout) -> dict[str, str]:
    """What every process of ours is told: the settings, and where to find modules that have several instances."""
    addresses = grpc_addresses(settings, layout)
    further = {"CANVAS_DEMO_GRPC_ADDRESSES": json.dumps(addresses)} if addresses else {}
    return {**ALLOCATOR, **children_environment(settings), **further}


def listening(settings: Settings, module: str, number: int) -> dict[str, str]:
    """Which of the module's addresses is the instance's own."""
    address = f"{settings.host}:{settings.port_grpc + grpc_offset(module, number)}"
    return {"CANVAS_DEMO_GRPC_LISTEN": json.dumps({module: address})}


def gateway(settings: Settings, layout: Layout) -> Component:
    """What answers on the web port: the gateway, and unless split off all modules with it."""
    web = f"http://{settings.host}:{settings.port_web}"
    if layout.split:
        hosts = [websocket_port(settings, layout, number) for number in range(1, layout.websocket_hosts + 1)]
        own = {"CANVAS_DEMO_WEBSOCKET_URLS": json.dumps([f"ws://{settings.host}:{port}/ws" for port in hosts])}
        grpc = {}
    else:
        own = listening(settings, "websockets", 1)
        grpc = {f"port_grpc+{at + 1}": settings.port_grpc + at + 1 for at in range(len(MODULES))}
    return Component(
        "gateway" if layout.split else "backend",
        "serve",
        Answers(f"{web}/api/health"),
        needs=BACKEND_NEEDS,
        ports={"port_web": settings.port_web, **grpc},
        address=web,
        metrics=f"{web}/metrics",
        environment={**part_environment(settings, layout), **own},
        modules=("gateway",) if layout.split else (),
        stop_seconds=SERVES_ON,
    )


def module_host(settings: Settings, layout: Layout, module: str, number: int) -> Component:
    """One module in a process of its own."""
    offset = grpc_offset(module, number)
    port, metrics = settings.port_grpc + offset, settings.port_metrics + offset
    own = {
        **listening(settings, module, number),
        "CANVAS_DEMO_METRICS_LISTEN": f"{settings.host}:{metrics}",
    }
    return Component(
        module if number == 1 else f"{module}-{number}",
        "serve",
        Listens(port),
        needs=BACKEND_NEEDS,
        ports={f"port_grpc+{offset}": port, f"port_metrics+{offset}": metrics},
        address=f"{settings.host}:{port}",
        metrics=f"http://{settings.host}:{metrics}/metrics",
        environment={**part_environment(settings, layout), **own},
        modules=(module,),
        stop_seconds=SERVES_ON,
    )


def websocket_host(settings: Settings, layout: Layout, number: int) -> Component:
    """A host of the websockets module in a process of its own, with a name and ports of its own."""
    web, offset = websocket_port(settings, layout, number), grpc_offset("websockets", number)
    own = {
        **listening(settings, "websockets", number),
        "CANVAS_DEMO_WEBSOCKET_HOST_NAME": f"ws-{number}",
        "CANVAS_DEMO_PORT_WEB": str(web),
        # The pages come from the gateway, on another port than this host's.
        "CANVAS_DEMO_WEB_ORIGINS": json.dumps(sorted(settings.origins)),
    }
    return Component(
        "websockets" if number == 1 else f"websockets-{number}",
        "serve",
        Answers(f"http://{settings.host}:{web}/api/health"),
        needs=BACKEND_NEEDS,
        ports={
            f"port_websockets+{web - settings.port_websockets}": web,
            f"port_grpc+{offset}": settings.port_grpc + offset,
        },
        address=f"http://{settings.host}:{web}",
        metrics=f"http://{settings.host}:{web}/metrics",
        environment={**part_environment(settings, layout), **own},
        modules=("websockets",),
        stop_seconds=SERVES_ON,
    )
