"""Sign-in, organisations and users, through HTTP on the real stack."""

from typing import Any
from uuid import uuid4

import pytest

from tests.integration.api import PASSWORD, anybody, fields_of, newcomer, problem_of, sign_in


@pytest.fixture
def web(stack: Any) -> str:
    url: str = stack.env["WEB_URL"]
    return url


def test_the_first_user_signs_in_and_is_of_the_organisation_demo(web: str) -> None:
    person = sign_in(web, "admin", "changeme")
    me = person.call("GET", "/api/me", 200).json()
    assert me["username"] == "admin"
    assert me["id"] == person.user["id"]
    assert me["organization"] == {"id": person.user["organization_id"], "name": "Demo"}


def test_the_cookie_of_a_sign_in_is_enough_and_ends_with_the_sign_out(web: str) -> None:
    with anybody(web) as http:
        answer = http.post("/api/login", json={"username": "admin", "password": "changeme"})
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
        assert http.get("/api/me").json()["username"] == "admin"
        problem_of(http.post("/api/canvases", json={"name": "x"}, headers={"Origin": "https://evil.example"}), 403)
        assert http.post("/api/logout").status_code == 204
        problem_of(http.get("/api/me"), 401)


def test_an_unknown_name_and_a_wrong_password_are_the_same_401(web: str) -> None:
    with anybody(web) as http:
        answers = [
            http.post("/api/login", json={"username": username, "password": "wrong password"})
            for username in ("admin", f"nobody-{uuid4()}")
        ]
    bodies = [problem_of(answer, 401) for answer in answers]
    assert bodies[0]["detail"] == bodies[1]["detail"]
    assert all(answer.headers["WWW-Authenticate"] == "Bearer" for answer in answers)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer a.b.c"}])
def test_without_a_token_that_holds_it_is_401(web: str, header: dict[str, str]) -> None:
    with anybody(web) as http:
        for method, path in (("GET", "/api/me"), ("GET", "/api/canvases"), ("GET", f"/api/files/{uuid4()}")):
            problem_of(http.request(method, path, headers=header), 401)
        problem_of(http.post("/api/canvases", json={"name": "Plan"}, headers=header), 401)
        problem_of(http.post(f"/api/canvases/{uuid4()}/files", files={"file": b"x"}, headers=header), 401)


def test_a_user_is_added_to_the_caller_s_own_organisation(web: str) -> None:
    person, username = newcomer(web), f"user-{uuid4()}"
    added = person.call("POST", "/api/users", 201, json={"username": username, "password": PASSWORD}).json()
    assert added["organization_id"] == person.user["organization_id"]
    canvas_id = person.new_canvas()
    assert sign_in(web, username, PASSWORD).canvas(canvas_id)["id"] == canvas_id
    answer = person.call("POST", "/api/users", 409, json={"username": username, "password": PASSWORD})
    assert problem_of(answer, 409)["field"] == "username"


@pytest.mark.parametrize("bad", ["", "  ", "x" * 201, 7, None, "a\0b"])
@pytest.mark.parametrize("field", ["name", "username"])
def test_a_name_that_can_not_be_taken_is_422_and_named(web: str, field: str, bad: Any) -> None:
    good = {"name": "Acme", "username": f"user-{uuid4()}", "password": PASSWORD}
    with anybody(web) as http:
        assert fields_of(http.post("/api/organizations", json={**good, field: bad})) == [field]


def test_a_username_that_is_taken_is_409_and_is_not_in_the_database_s_log(web: str, stack: Any) -> None:
    name = f"user-{uuid4()}"
    body = {"name": "Acme", "username": name, "password": PASSWORD}
    with anybody(web) as http:
        assert http.post("/api/organizations", json=body).status_code == 201
        again = http.post("/api/organizations", json=body)
    assert again.status_code == 409, again.text
    assert name not in (stack.home / "logs" / "postgres.log").read_text()


@pytest.mark.parametrize("bad", ["", "short", "x" * 5000, 7])
def test_a_password_that_can_not_be_taken_is_422_and_named(web: str, bad: Any) -> None:
    body = {"name": "Acme", "username": f"user-{uuid4()}", "password": bad}
    with anybody(web) as http:
        assert fields_of(http.post("/api/organizations", json=body)) == ["password"]


def test_health_pages_and_documentation_are_for_anybody(web: str) -> None:
    with anybody(web) as http:
        health = http.get("/api/health")
        assert health.status_code == 200, health.text
        assert set(health.json()["modules"].values()) == {"SERVING"}
        for path in ("/", "/docs", "/openapi.json"):
            assert http.get(path).status_code == 200
