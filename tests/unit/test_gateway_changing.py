"""A change that makes no condition is tried again where another writer was quicker."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb
from canvas_demo.contracts.files.v1 import files_pb2
from canvas_demo.gateway.changing import ATTEMPTS, change
from canvas_demo.kernel.errors import Conflict, Invalid, Stale

WITHOUT = [pb.RenameCanvasRequest(), files_pb2.DeleteFileRequest()]


def after(*errors: Exception) -> tuple[Callable[..., Awaitable[str]], list[Any]]:
    """A method that answers once it has raised these, and the calls that it was given."""
    left, calls = list(errors), []

    async def method(request: Any, metadata: Any) -> str:
        calls.append((request, metadata))
        if left:
            raise left.pop(0)
        return "done"

    return method, calls


@pytest.mark.parametrize("request_", WITHOUT, ids=lambda request: type(request).__name__)
async def test_without_a_condition_it_is_tried_again(request_: Any) -> None:
    method, calls = after(Conflict("quicker"), Conflict("quicker again"))
    assert await change(method, request_, (("authorization", "x"),)) == "done"
    assert calls == [(request_, (("authorization", "x"),))] * 3


async def test_not_for_ever() -> None:
    method, calls = after(*[Conflict("quicker")] * ATTEMPTS)
    with pytest.raises(Conflict):
        await change(method, WITHOUT[0], ())
    assert len(calls) == ATTEMPTS


async def test_with_a_condition_it_is_refused_at_once() -> None:
    method, calls = after(Conflict("quicker"))
    with pytest.raises(Conflict):
        await change(method, pb.RenameCanvasRequest(), (), [1])
    assert len(calls) == 1


async def test_of_several_versions_that_are_expected_the_one_that_is_there_is_meant() -> None:
    method, calls = after(Stale("at version 2", current_version=2))
    request = pb.RenameCanvasRequest()
    assert await change(method, request, (), [1, 2, 7]) == "done"
    assert (len(calls), request.expected_version) == (2, 2)


async def test_a_repetition_finds_the_version_at_which_its_first_request_was_taken() -> None:
    """The newest that it names was not there then, and the key stands for the request at the one that was."""
    method, calls = after(Invalid("Idempotency-Key", "was used with another request"))
    request = pb.RenameCanvasRequest()
    assert await change(method, request, (), [3, 5]) == "done"
    assert (len(calls), request.expected_version) == (2, 3)
    for expected, error in (([3], Invalid("Idempotency-Key", "was used")), ([3, 5], Invalid("name", "is no name"))):
        method, calls = after(error)
        with pytest.raises(Invalid):
            await change(method, pb.RenameCanvasRequest(), (), expected)
        assert len(calls) == 1


async def test_none_of_those_that_are_expected_is_there() -> None:
    method, calls = after(Stale("at version 2", current_version=2))
    with pytest.raises(Stale):
        await change(method, pb.RenameCanvasRequest(), (), [1, 7])
    assert len(calls) == 1


async def test_another_error_is_not_tried_again() -> None:
    method, calls = after(Stale("at version 2", current_version=2))
    with pytest.raises(Stale):
        await change(method, WITHOUT[0], ())
    assert len(calls) == 1
