"""An instance that is frozen keeps its connections; callers notice, and ask the others."""

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import canvas_demo.lab as labs
from canvas_demo.kernel.rpc import Channels

WARM, AFTER = 6, 8
UNTIL_IT_FAILS = 200


@pytest.mark.together
async def test_a_frozen_instance_holds_up_one_call_and_is_then_left_out(stack: Any) -> None:
    with labs.connect(stack.home) as lab, lab.faults.alone():
        async with Channels(stack.settings, "notifications") as channels:
            both = ",".join(lab.hosts()["grpc"])
            health: Any = health_pb2_grpc.HealthStub(channels.at(both))

            async def ask(times: int) -> None:
                for _ in range(times):
                    await health.Check(health_pb2.HealthCheckRequest())

            await ask(WARM)
            lab.faults.pause("websockets-2")
            with pytest.raises(grpc.aio.AioRpcError) as held_up:
                await ask(UNTIL_IT_FAILS)
            await ask(AFTER)
    assert held_up.value.code() == grpc.StatusCode.UNAVAILABLE
