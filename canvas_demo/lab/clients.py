"""A client for every interface of a running stack."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from typing import Any

import pandas as pd

from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.lab.api import Api
from canvas_demo.lab.connectors import ConnectRest
from canvas_demo.lab.database import Database
from canvas_demo.lab.faults import Faults
from canvas_demo.lab.grpc import Grpc
from canvas_demo.lab.kafka import Kafka
from canvas_demo.lab.keyring import Keys
from canvas_demo.lab.leftovers import Leftovers
from canvas_demo.lab.mending import URGENT, mend


class Clients:
    """Each is made when it is first asked for."""

    def __init__(self, settings: Settings, environment: Mapping[str, Any]) -> None:
        self._home = settings.home
        self._opened = ExitStack()
        self.leftovers = Leftovers(self._home / "lab")
        self._opened.callback(self.leftovers.close)
        self.environment = dict(environment)

    @cached_property
    def api(self) -> Api:
        """The HTTP API, for somebody who has not signed in."""
        return Api(self.environment["WEB_URL"])

    @cached_property
    def database(self) -> Database:
        """The database, as its superuser."""
        return Database(self.environment["DATABASE_URL"])

    @cached_property
    def kafka(self) -> Kafka:
        """Kafka, without a consumer group."""
        return Kafka(self.environment["KAFKA_BOOTSTRAP"])

    @cached_property
    def connect_rest(self) -> ConnectRest:
        """Kafka Connect's REST."""
        return ConnectRest(self.environment["CONNECT_URL"])

    @cached_property
    def grpc(self) -> Grpc:
        """The modules' gRPC, by reflection."""
        return Grpc({name: self.environment[f"GRPC_{name.upper()}"] for name in MODULES})

    @cached_property
    def keys(self) -> Keys:
        """An organisation's data keys: list, rotate, destroy."""
        return Keys(self.grpc)

    @cached_property
    def faults(self) -> Faults:
        """Stop, start, kill, pause and resume components."""
        faults = Faults(self._home, self.leftovers, partial(mend, self, URGENT))
        self._opened.callback(faults.mend)
        return faults

    def sql(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The rows that a statement answers with, as the superuser sees them."""
        return self.database.frame(query, parameters)
