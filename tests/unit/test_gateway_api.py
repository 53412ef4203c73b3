"""What the gateway answers, over modules that keep their state in memory."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from fastapi import FastAPI

from canvas_demo.kernel.settings import MODULES
from tests.unit.gateway_client import Gateway, fields_of, gateway_over_fakes, problem_of


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with gateway_over_fakes() as running:
        yield running


UNTOLD = {
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("HEAD", "/openapi.json"),
    ("", "/static"),
    ("OPTIONS", "/api/uploads/{upload_id}"),
    ("POST", "/api/uploads/{upload_id}"),
}
"""What /openapi.json does not tell of, and the tests of all that it tells of don't reach; each is tested by itself."""


def routes_of(app: FastAPI) -> list[Any]:
    """Every route of ``app``, whoever added it."""
    routes: list[Any] = []
    for route in app.routes:
        router = getattr(route, "original_router", None)
        routes += router.routes if router else [route]
    return routes


async def test_what_the_schema_does_not_tell_of_is_written_down_here(gateway: Gateway) -> None:
    told = [route for route in routes_of(gateway.app) if getattr(route, "include_in_schema", False)]
    untold = [route for route in routes_of(gateway.app) if route not in told]
    assert {(method, route.path) for route in untold for method in getattr(route, "methods", [""])} == UNTOLD
    paths = (await gateway.http.get("/openapi.json")).json()["paths"]
    assert {route.path for route in told} == set(paths)


# --- sign-in -----------------------------------------------------------------------------------------------


async def test_sign_in_answers_a_token_and_sets_it_as_a_cookie(gateway: Gateway) -> None:
    answer = await gateway.http.post("/api/login", json={"username": "admin", "password": "changeme"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["user"].keys() == {"id", "username", "organization_id"}
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"canvas_demo_token={body['token']};")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert (await gateway.http.get("/api/me")).json()["username"] == "admin"


@pytest.mark.parametrize(
    ("prefix", "path"),
    [("/user/ada/canvas-demo", "/user/ada/canvas-demo/"), ("", "/"), ("/a; Domain=example.org", "/"), ("//", "/")],
)
async def test_behind_a_proxy_that_puts_us_in_a_folder_the_cookie_is_of_that_folder(
    prefix: str, path: str, gateway: Gateway
) -> None:
    sign_in = {"username": "admin", "password": "changeme"}
    answer = await gateway.http.post("/api/login", json=sign_in, headers={"X-Forwarded-Prefix": prefix})
    parts = {part.strip() for part in answer.headers["set-cookie"].split(";")}
    assert f"Path={path}" in parts
    assert not any(part.lower().startswith("domain") for part in parts)


async def test_behind_such_a_proxy_what_was_made_is_found_in_that_folder(gateway: Gateway) -> None:
    answer = await gateway.call(
        "POST", "/api/canvases", json={"name": "Plan"}, headers={"X-Forwarded-Prefix": "/user/ada/canvas-demo"}
    )
    assert answer.headers["Location"] == f"/user/ada/canvas-demo/api/canvases/{answer.json()['id']}"


async def test_signing_out_clears_the_cookie(gateway: Gateway) -> None:
    await gateway.http.post("/api/login", json={"username": "admin", "password": "changeme"})
    assert (await gateway.http.post("/api/logout")).status_code == 204
    problem_of(await gateway.http.get("/api/me"), 401)


async def test_a_wrong_password_is_401(gateway: Gateway) -> None:
    answer = await gateway.http.post("/api/login", json={"username": "admin", "password": "wrong"})
    problem_of(answer, 401)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "token", [None, "Basic YTpi", "Bearer ", "Bearer no.token", "Bearer ünï", "Bearer " + "a" * 9000]
)
async def test_without_a_token_that_holds_it_is_401_and_says_how_to_sign_in(
    gateway: Gateway, token: str | None
) -> None:
    headers = {"Authorization": token.encode("latin-1")} if token is not None else {}
    answer = await gateway.http.get("/api/me", headers=headers)
    problem_of(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_every_operation_of_the_api_asks_for_a_token_where_it_says_so(gateway: Gateway) -> None:
    api = (await gateway.http.get("/openapi.json")).json()
    protected = [
        (method, path)
        for path, operations in api["paths"].items()
        for method, operation in operations.items()
        if "security" in operation
    ]
    assert len(protected) >= 12
    for method, path in protected:
        address = path.format(canvas_id=uuid4(), item_id=uuid4(), file_id=uuid4(), upload_id=uuid4())
        answer = await gateway.http.request(method, address, headers={"Tus-Resumable": "1.0.0"})
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


async def test_an_organisation_is_registered_and_its_first_user_adds_another(gateway: Gateway) -> None:
    person = {"username": f"ada-{uuid4()}", "password": "secret-enough"}
    answer = await gateway.http.post("/api/organizations", json={"name": "Acme", **person})
    assert answer.status_code == 201
    registered = answer.json()
    assert registered["organization"]["name"] == "Acme"
    assert registered["user"]["organization_id"] == registered["organization"]["id"]
    other = {"username": f"bob-{uuid4()}", "password": "secret-enough"}
    added = await gateway.call("POST", "/api/users", user=person["username"], json=other)
    assert added.status_code == 201
    assert added.json()["organization_id"] == registered["organization"]["id"]
    assert problem_of(await gateway.http.post("/api/organizations", json={"name": "Acme", **person}), 409)["field"]


async def test_me_is_the_caller_with_the_organisation(gateway: Gateway) -> None:
    me = (await gateway.call("GET", "/api/me")).json()
    assert me.keys() == {"id", "username", "organization_id", "organization"}
    assert me["organization"]["id"] == me["organization_id"]


# --- canvases ----------------------------------------------------------------------------------------------


async def test_a_canvas_is_created_and_says_where_it_is(gateway: Gateway) -> None:
    answer = await gateway.call("POST", "/api/canvases", json={"name": "  Plan "})
    assert answer.status_code == 201
    assert answer.json()["name"] == "Plan"
    assert answer.headers["ETag"] == '"1"'
    found = await gateway.call("GET", answer.headers["Location"])
    assert found.json() == answer.json()
    listed = (await gateway.call("GET", "/api/canvases")).json()["canvases"]
    assert [canvas["id"] for canvas in listed] == [answer.json()["id"]]
    assert "items" not in listed[0]


async def test_a_canvas_that_the_client_has_already_is_not_sent_again(gateway: Gateway) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}"
    answer = await gateway.call("GET", path, headers={"If-None-Match": '"0", W/"1"'})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')
    assert (await gateway.call("GET", path, headers={"If-None-Match": '"2"'})).status_code == 200


async def test_a_rename_with_the_version_that_is_there_is_done(gateway: Gateway) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}"
    answer = await gateway.call("PATCH", path, json={"name": "Garden"}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["name"], answer.headers["ETag"]) == (200, "Garden", '"2"')


@pytest.mark.parametrize("tag", ['"7"', '"0"', 'W/"1"', '"abc"', "1", '"99999999999999999999"'])
async def test_a_rename_of_a_version_that_is_not_there_is_412(gateway: Gateway, tag: str) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}"
    answer = await gateway.call("PATCH", path, json={"name": "Garden"}, headers={"If-Match": tag})
    assert problem_of(answer, 412)["current_version"] == 1
    assert (await gateway.call("GET", path)).json()["name"] == "Plan"


async def test_a_change_at_the_same_time_is_409_with_the_version_that_is_there(gateway: Gateway) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}"
    gateway.modules.canvases.conflicts = 1
    answer = await gateway.call("PATCH", path, json={"name": "Garden"}, headers={"If-Match": '"1"'})
    problem = problem_of(answer, 409)
    assert (problem["type"], problem["current_version"]) == ("urn:canvas-demo:conflict", 2)


async def test_a_change_at_the_same_time_is_tried_again_where_no_version_was_meant(gateway: Gateway) -> None:
    canvas = f"/api/canvases/{await gateway.new_canvas()}"
    placed = await gateway.call("POST", f"{canvas}/items", json={"x": 1, "y": 2, "text": "Water the garden"})
    for method, path, body in (
        ("PATCH", canvas, {"name": "Garden"}),
        ("POST", f"{canvas}/items", {"x": 1, "y": 2, "text": "Mow the lawn"}),
        ("PATCH", placed.headers["Location"], {"x": 3, "y": 4}),
        ("DELETE", placed.headers["Location"], None),
        ("DELETE", canvas, None),
        ("POST", f"{canvas}/restore", None),
    ):
        gateway.modules.canvases.conflicts = 1
        answer = await gateway.call(method, path, json=body)
        assert answer.status_code < 300, (method, path, answer.text)
        assert gateway.modules.canvases.conflicts == 0


async def test_an_archived_canvas_is_listed_no_more_and_can_not_be_changed(gateway: Gateway) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}"
    assert (await gateway.call("DELETE", path)).status_code == 204
    assert (await gateway.call("GET", "/api/canvases")).json()["canvases"] == []
    assert (await gateway.call("GET", path)).json()["archived"] is True
    assert problem_of(await gateway.call("PATCH", path, json={"name": "New"}), 409)["type"].endswith(":rejected")


async def test_a_list_goes_on_from_page_to_page(gateway: Gateway) -> None:
    await gateway.new_canvas()
    assert (await gateway.call("GET", "/api/canvases")).json()["next_page_token"] is None
    answer = await gateway.call("GET", "/api/canvases", params={"page_token": "any"})
    assert answer.json()["next_page_token"] == "after 1"
    for field, bad in (("page_size", 0), ("page_size", 201), ("order_by", "size"), ("archived", "perhaps")):
        assert fields_of(await gateway.call("GET", "/api/canvases", params={field: bad})) == [field]


async def test_a_note_is_an_item_without_a_file(gateway: Gateway) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}/items"
    placed = await gateway.call("POST", path, json={"x": 1, "y": 2, "text": "Water the garden"})
    assert (placed.status_code, placed.headers["ETag"]) == (201, '"2"')
    item = placed.json()
    assert placed.headers["Location"] == f"{path}/{item['id']}"
    assert (item["kind"], item["text"], item["file_id"], item["file"]) == ("NOTE", "Water the garden", None, None)


async def test_an_item_is_resized_reordered_and_a_note_edited(gateway: Gateway) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}/items"
    placed = await gateway.call("POST", path, json={"x": 1, "y": 2, "text": "Water the garden"})
    for change in ({"width": 30, "height": 4.5}, {"layer": -7}, {"text": "Mow the lawn"}):
        answer = await gateway.call("PATCH", placed.headers["Location"], json=change)
        assert (answer.status_code, {**answer.json(), **change}) == (200, answer.json())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "body"),
        ({"x": 1, "y": 2, "layer": 3}, "body"),
        ({"colour": "red"}, "colour"),
        ({"width": 3}, "height"),
        ({"width": 3, "height": -1}, "height"),
        ({"layer": 1.5}, "layer"),
        ({"text": ""}, "text"),
    ],
)
async def test_what_is_no_change_of_an_item_is_422_and_named(
    gateway: Gateway, change: dict[str, Any], field: str
) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}/items/{uuid4()}"
    assert fields_of(await gateway.call("PATCH", path, json=change)) == [field]


@pytest.mark.parametrize("what", [{}, {"text": "Both", "file_id": str(uuid4())}])
async def test_an_item_is_either_a_file_or_a_note(gateway: Gateway, what: dict[str, Any]) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}/items"
    assert fields_of(await gateway.call("POST", path, json={"x": 1, "y": 2, **what})) == ["file_id"]


async def test_an_archived_canvas_is_restored(gateway: Gateway) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}"
    assert (await gateway.call("DELETE", path)).status_code == 204
    problem_of(await gateway.call("PATCH", path, json={"name": "Garden"}), 409)
    restored = await gateway.call("POST", f"{path}/restore")
    assert (restored.status_code, restored.json()["archived"], restored.headers["ETag"]) == (200, False, '"3"')


async def test_items_are_moved_and_removed(gateway: Gateway) -> None:
    canvas_id = await gateway.new_canvas()
    upload = await gateway.call("POST", f"/api/canvases/{canvas_id}/files", files={"file": ("a", b"a")})
    path = f"/api/canvases/{canvas_id}/items/{upload.json()['item']['id']}"
    moved = await gateway.call("PATCH", path, json={"x": 3, "y": -4.5})
    assert (moved.status_code, moved.json()["x"], moved.json()["y"]) == (200, 3, -4.5)
    problem_of(await gateway.call("DELETE", path, headers={"If-Match": '"1"'}), 412)
    removed = await gateway.call("DELETE", path, headers={"If-Match": moved.headers["ETag"]})
    assert (removed.status_code, removed.content) == (204, b"")
    problem_of(await gateway.call("DELETE", path), 404)


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, 7, None, True, ["a"], "a\0b", "a\nb", "\ud800"])
async def test_a_name_that_can_not_be_taken_is_422_and_named(gateway: Gateway, name: Any) -> None:
    import json

    body = json.dumps({"name": name})
    path = f"/api/canvases/{await gateway.new_canvas()}"
    for method, address in (("POST", "/api/canvases"), ("PATCH", path)):
        answer = await gateway.call(method, address, content=body, headers={"Content-Type": "application/json"})
        assert fields_of(answer) == ["name"]


@pytest.mark.parametrize(
    "place", [{"x": "1", "y": 2}, {"x": True, "y": 2}, {"x": 1e10, "y": 2}, {"y": 2}, {"x": None, "y": 2}]
)
async def test_a_place_that_is_none_is_422_and_named(gateway: Gateway, place: dict[str, Any]) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}/items/{uuid4()}"
    assert fields_of(await gateway.call("PATCH", path, json=place)) == ["x"]


@pytest.mark.parametrize("body", ["{", "", "NaN", '{"x": NaN, "y": Infinity}', "[" * 100_000, b"\xff"])
async def test_a_body_that_is_no_json_object_is_422(gateway: Gateway, body: str | bytes) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}/items/{uuid4()}"
    answer = await gateway.call("PATCH", path, content=body, headers={"Content-Type": "application/json"})
    problem_of(answer, 422)


async def test_a_body_beyond_the_limit_is_413_and_not_read_whole(gateway: Gateway) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 200:
            sent += 1
            yield b" " * 1024 * 1024

    answer = await gateway.call(
        "POST", "/api/canvases", content=endless(), headers={"Content-Type": "application/json"}
    )
    problem_of(answer, 413)
    assert sent < 20, f"{sent} MiB were read"


@pytest.mark.parametrize("canvas_id", ["7", "no-uuid", "%00", "%ff", "00000000-0000-4000-8000-000000000000"])
async def test_an_id_that_nothing_has_is_404(gateway: Gateway, canvas_id: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = await gateway.call(method, f"/api/canvases/{canvas_id}", json={"name": "Plan"})
        problem_of(answer, 404)
    problem_of(await gateway.call("GET", f"/api/files/{canvas_id}"), 404)


async def test_what_is_of_another_organisation_is_404(gateway: Gateway) -> None:
    canvas_id, file_id = await gateway.new_canvas(), await gateway.new_file(b"secret")
    for method, path in (
        ("GET", f"/api/canvases/{canvas_id}"),
        ("PATCH", f"/api/canvases/{canvas_id}"),
        ("DELETE", f"/api/canvases/{canvas_id}"),
        ("GET", f"/api/files/{file_id}"),
        ("GET", f"/api/files/{file_id}/content"),
        ("DELETE", f"/api/files/{file_id}"),
    ):
        problem_of(await gateway.call(method, path, user="mallory", json={"name": "Mine"}), 404)
    problem_of(
        await gateway.call("POST", f"/api/canvases/{canvas_id}/files", user="mallory", files={"file": ("a", b"a")}), 404
    )


# --- what holds for every request --------------------------------------------------------------------------


async def test_an_unknown_address_and_an_unknown_method_are_problems(gateway: Gateway) -> None:
    problem_of(await gateway.http.get("/api/nothing"), 404)
    problem_of(await gateway.http.get("/api/canvases/"), 404)
    answer = await gateway.http.put("/api/canvases")
    problem_of(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_the_trace_of_a_request_goes_on_to_the_module_and_comes_back(gateway: Gateway) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"traceparent": traceparent, "X-Correlation-Id": "conversation-7"}
    answer = await gateway.call("POST", "/api/canvases", json={"name": "Plan"}, headers=headers)
    assert answer.headers["X-Correlation-Id"] == "conversation-7"
    assert answer.headers["traceparent"] == traceparent
    trace = gateway.modules.canvases.traces[-1]
    assert (trace.correlation_id, trace.causation_id) == ("conversation-7", "conversation-7")
    assert trace.traceparent == traceparent


@pytest.mark.parametrize("sent", ["", "a b", "ü", "x" * 129])
async def test_a_correlation_id_that_is_none_is_replaced(gateway: Gateway, sent: str) -> None:
    headers = {**gateway.headers(), "X-Correlation-Id": sent.encode("latin-1"), "traceparent": "nonsense"}
    answer = await gateway.http.get("/api/me", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Correlation-Id"] not in {"", sent}
    assert answer.headers["traceparent"].startswith("00-")


async def test_what_a_module_fails_with_stays_in_the_log(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("the inner secret")

    monkeypatch.setattr(gateway.modules.canvases, "own", broken)
    answer = await gateway.call("GET", f"/api/canvases/{uuid4()}")
    assert "secret" not in answer.text
    assert "GetCanvas" not in answer.text
    assert problem_of(answer, 500)["correlation_id"] in capsys.readouterr().out


async def test_what_the_gateway_fails_with_stays_in_the_log(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(gateway.app.state, "clients")
    answer = await gateway.call("GET", "/api/canvases")
    problem = problem_of(answer, 500)
    assert "clients" not in answer.text
    assert problem["correlation_id"] in capsys.readouterr().out


async def test_every_answer_has_safe_headers(gateway: Gateway) -> None:
    for path in ("/", "/docs", "/api/health", "/api/nothing", "/static/style.css"):
        headers = (await gateway.http.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]


# --- requests from other origins ---------------------------------------------------------------------------

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9999"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Origin": "http://127.0.0.1:3000"},
    {"Origin": "https://hub.example", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_page_of_another_origin_changes_nothing_with_the_cookie(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    await gateway.http.post("/api/login", json={"username": "admin", "password": "changeme"})
    problem_of(await gateway.http.post("/api/canvases", json={"name": "Plan"}, headers=headers), 403)
    assert (await gateway.http.get("/api/canvases")).json()["canvases"] == []
    with_token = await gateway.call("POST", "/api/canvases", json={"name": "Plan"}, headers=headers)
    assert with_token.status_code == 201


@pytest.mark.parametrize("headers", OWN)
async def test_our_own_page_and_programs_use_the_cookie(gateway: Gateway, headers: dict[str, str]) -> None:
    await gateway.http.post("/api/login", json={"username": "admin", "password": "changeme"})
    answer = await gateway.http.post("/api/canvases", json={"name": "Plan"}, headers=headers)
    assert answer.status_code == 201, answer.text


# --- health, pages, documentation --------------------------------------------------------------------------


async def test_health_is_200_while_every_module_serves(gateway: Gateway) -> None:
    answer = await gateway.http.get("/api/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "SERVING", "modules": dict.fromkeys(MODULES, "SERVING")}


async def test_health_is_503_and_names_what_does_not_serve(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    channels = gateway.app.state.clients.channels
    monkeypatch.setattr(
        channels, "_settings", gateway.modules.settings.model_copy(update={"grpc_addresses": {}, "port_grpc": 1})
    )
    answer = await gateway.http.get("/api/health")
    assert answer.status_code == 503
    assert answer.json()["modules"] == dict.fromkeys(MODULES, "NOT_SERVING")


async def test_a_module_that_is_not_there_is_503(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    from canvas_demo.gateway.clients import clients_over
    from canvas_demo.kernel.rpc import Channels

    channels = Channels(gateway.modules.settings.model_copy(update={"grpc_addresses": {}, "port_grpc": 1}), "gateway")
    monkeypatch.setattr(gateway.app.state, "clients", clients_over(channels))
    problem_of(await gateway.call("GET", "/api/canvases"), 503)
    await channels.close()


async def test_the_pages_need_nothing_from_elsewhere(gateway: Gateway) -> None:
    import re

    for page in ("/", "/docs"):
        answer = await gateway.http.get(page)
        assert answer.headers["content-type"].startswith("text/html")
        links = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
        assert links
        for link in links:
            assert "//" not in link, "a page links only to its own server"
            assert (await gateway.http.get(f"/{link.removeprefix('./')}")).status_code in {200, 503}, link
        assert "<script>" not in answer.text, "the content security policy allows no inline script"
        assert " style=" not in answer.text


async def test_the_api_documents_problems_and_both_ways_to_sign_in(gateway: Gateway) -> None:
    api = (await gateway.http.get("/openapi.json")).json()
    assert {scheme["type"] for scheme in api["components"]["securitySchemes"].values()} == {"http", "apiKey"}
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            for status, response in operation["responses"].items():
                if status == "default" or (int(status) >= 400 and path != "/api/health"):
                    assert response["content"]["application/problem+json"]["schema"] == problem, (method, path, status)
                    assert len(response["content"]) == 1, (method, path, status)
    assert "HTTPValidationError" not in api["components"]["schemas"]
