"""A gateway over fake modules, spoken to without a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from canvas_demo.gateway.app import run_gateway
from tests.unit.fake_modules import FakeModules, fake_modules


@dataclass
class Gateway:
    app: FastAPI
    http: httpx.AsyncClient
    """Nobody's requests."""
    modules: FakeModules

    def headers(self, username: str = "admin") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.modules.identity.token(username)}"}

    async def call(self, method: str, path: str, *, user: str = "admin", **kwargs: Any) -> httpx.Response:
        headers = {**self.headers(user), **kwargs.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **kwargs)

    async def new_canvas(self, name: str = "Plan") -> str:
        answer = await self.call("POST", "/api/canvases", json={"name": name})
        assert answer.status_code == 201, answer.text
        canvas_id: str = answer.json()["id"]
        return canvas_id

    async def new_file(self, content: bytes, name: str = "plan.txt", media_type: str = "text/plain") -> str:
        path = f"/api/canvases/{await self.new_canvas()}/files"
        answer = await self.call("POST", path, files={"file": (name, content, media_type)})
        assert answer.status_code == 201, answer.text
        file_id: str = answer.json()["file"]["id"]
        return file_id


@asynccontextmanager
async def gateway_over_fakes() -> AsyncIterator[Gateway]:
    async with fake_modules() as modules, run_gateway(modules.settings) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3000") as http:
            yield Gateway(app, http, modules)


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that ``answer`` is, with its members in order."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json", answer.headers
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["correlation_id"] == answer.headers["X-Correlation-Id"]
    return body


def fields_of(answer: httpx.Response) -> list[str]:
    """The fields that a 422 names."""
    return [error["field"] for error in problem_of(answer, 422)["errors"]]
