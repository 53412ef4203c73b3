"""Whether everything is there."""

import asyncio

from fastapi import APIRouter, Response

from canvas_demo.gateway.clients import Modules
from canvas_demo.gateway.models import Health, ModuleState
from canvas_demo.gateway.problems import documented
from canvas_demo.kernel.settings import MODULES

router = APIRouter(prefix="/api", tags=["health"])


@router.get(
    "/health",
    summary="Ask whether everything is there",
    responses={503: {"description": "A module does not serve", "model": Health}, **documented()},
)
async def get_health(modules: Modules, response: Response) -> Health:
    """Asks every module at once; 503 when one of them does not say that it serves."""
    serving = await asyncio.gather(*(modules.channels.serving(name) for name in MODULES))
    states = {name: _state(up) for name, up in zip(MODULES, serving, strict=True)}
    response.headers["Cache-Control"] = "no-store"
    response.status_code = 200 if all(serving) else 503
    return Health(status=_state(all(serving)), modules=states)


def _state(serving: bool) -> ModuleState:  # noqa: FBT001  (a name for a fact)
    return "SERVING" if serving else "NOT_SERVING"
