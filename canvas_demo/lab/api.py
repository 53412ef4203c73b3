"""The HTTP API, as somebody who signs in uses it."""

import secrets
import time
from collections.abc import Mapping
from typing import Any

import httpx

from canvas_demo.lab.records import Record

SECONDS = 30.0
FIRST_NAMES = ("Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "Leslie", "Nancy", "Radia", "Tony")


class ApiError(Exception):
    """The API refused: ``status``, and the problem (RFC 9457) as it was sent."""

    def __init__(self, answer: httpx.Response) -> None:
        is_json = answer.headers.get("content-type", "").endswith("json")
        self.status = answer.status_code
        self.problem = Record(answer.json() if is_json else {"detail": answer.text})
        reason = self.problem.get("detail") or self.problem.get("title") or answer.reason_phrase
        super().__init__(f"{answer.request.method} {answer.request.url.path} answers {self.status}: {reason}")


class Api:
    """Calls of the HTTP API; ``token`` is empty for somebody who has not signed in."""

    def __init__(self, web_url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._web_url = web_url
        self._http = httpx.Client(base_url=web_url, headers=headers, timeout=SECONDS, trust_env=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._web_url})"

    def session(self) -> httpx.Client:
        """A client of one's own, for a thread of one's own; close it."""
        return httpx.Client(base_url=self._web_url, headers=self._http.headers, timeout=SECONDS, trust_env=False)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any call, with the options of `httpx.Client.request`; an error is an answer like any other."""
        return self._http.request(method, path, **options)

    def call(self, method: str, path: str, **options: Any) -> Record:
        """The answer's JSON. Raises `ApiError`."""
        sent_at = time.time()
        answer = self.request(method, path, **options)
        answered_at = time.time()
        if answer.is_error:
            raise ApiError(answer)
        record = Record(answer.json() if answer.content else {})
        record.correlation_id = answer.headers.get("X-Correlation-Id", "")
        record.sent_at, record.answered_at = sent_at, answered_at
        return record

    def health(self) -> Record:
        """Which modules serve."""
        return Record(self.request("GET", "/api/health").json())

    def sign_up(self, name: str = "") -> "Person":
        """The first user of a new organisation, both with random names, signed in."""
        first_name, number = name or secrets.choice(FIRST_NAMES), secrets.token_hex(4)
        username, password = f"{first_name.lower()}-{number}", secrets.token_urlsafe(16)
        organization = f"{first_name}'s garden {number}"
        self.call(
            "POST",
            "/api/organizations",
            json={"name": organization, "username": username, "password": password},
        )
        return self.sign_in(username, password)

    def sign_in(self, username: str, password: str) -> "Person":
        """Somebody who is there already. Raises `ApiError` 401."""
        session = self.call("POST", "/api/login", json={"username": username, "password": password})
        return Person(self._web_url, session["token"], session["user"])


class Person(Api):
    """Somebody who is signed in."""

    def __init__(self, web_url: str, token: str, user: Mapping[str, Any]) -> None:
        super().__init__(web_url, token)
        self.token = token
        self.id: str = user["id"]
        self.username: str = user["username"]
        self.organization_id: str = user["organization_id"]

    def __repr__(self) -> str:
        return f"{self.username} of organisation {self.organization_id}"

    def me(self) -> Record:
        """Who this is, as the API says."""
        return self.call("GET", "/api/me")

    def add_user(self, name: str = "") -> "Person":
        """One more user of the same organisation, with a random name, signed in."""
        username = f"{(name or secrets.choice(FIRST_NAMES)).lower()}-{secrets.token_hex(4)}"
        password = secrets.token_urlsafe(16)
        self.call("POST", "/api/users", json={"username": username, "password": password})
        return self.sign_in(username, password)

    # --- canvases ------------------------------------------------------------------------------------------

    def create_canvas(self, name: str, **options: Any) -> Record:
        """A new canvas."""
        return self.call("POST", "/api/canvases", json={"name": name}, **options)

    def canvases(self) -> list[Record]:
        """The canvases of the organisation, newest first, a page of them."""
        return [Record(canvas) for canvas in self.call("GET", "/api/canvases")["canvases"]]

    def canvas(self, canvas_id: str) -> Record:
        """A canvas with its items."""
        return self.call("GET", f"/api/canvases/{canvas_id}")

    def rename_canvas(self, canvas_id: str, name: str, **options: Any) -> Record:
        """The canvas under its new name."""
        return self.call("PATCH", f"/api/canvases/{canvas_id}", json={"name": name}, **options)

    def archive_canvas(self, canvas_id: str, **options: Any) -> Record:
        """Take a canvas off the list."""
        return self.call("DELETE", f"/api/canvases/{canvas_id}", **options)

    def move_item(self, canvas_id: str, item_id: str, x: float, y: float, **options: Any) -> Record:
        """The item at its new place."""
        return self.call("PATCH", f"/api/canvases/{canvas_id}/items/{item_id}", json={"x": x, "y": y}, **options)

    def remove_item(self, canvas_id: str, item_id: str, **options: Any) -> Record:
        """Take an item off a canvas."""
        return self.call("DELETE", f"/api/canvases/{canvas_id}/items/{item_id}", **options)

    # --- files ---------------------------------------------------------------------------------------------

    def upload(
        self,
        canvas_id: str,
        content: bytes,
        name: str = "note.txt",
        media_type: str = "text/plain",
        x: float = 0.0,
        y: float = 0.0,
    ) -> Record:
        """Put a file on a canvas: its ``item`` and ``file``."""
        files = {"file": (name, content, media_type)}
        return self.call("POST", f"/api/canvases/{canvas_id}/files", files=files, data={"x": str(x), "y": str(y)})

    def file(self, file_id: str) -> Record:
        """A file's descriptor."""
        return self.call("GET", f"/api/files/{file_id}")

    def content(self, file_id: str) -> bytes:
        """A file's content. Raises `ApiError`."""
        answer = self.request("GET", f"/api/files/{file_id}/content")
        if answer.is_error:
            raise ApiError(answer)
        return answer.content

    def delete_file(self, file_id: str) -> Record:
        """Delete a file; its items leave their canvases."""
        return self.call("DELETE", f"/api/files/{file_id}")
