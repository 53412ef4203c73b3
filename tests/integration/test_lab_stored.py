"""What the lab shows, and damages, of contents on the disk."""

from typing import Any
from uuid import uuid4

import pytest

import canvas_demo.lab as labs


def test_a_content_on_the_disk_is_damaged_until_it_is_closed(stack: Any) -> None:
    with labs.connect(stack.home) as lab:
        ada = lab.person()
        canvas = ada.create_canvas("Beans")
        file = ada.upload(canvas["id"], b"beans" * 100)["file"]
        stored = lab.stored(file["id"])
        assert list(stored.parts["size"]) == [500]
        kept = stored.bytes
        stored.flip(100)
        with pytest.raises(labs.ApiError):
            ada.content(file["id"])
        with pytest.raises(IndexError):
            stored.flip(len(kept))
    assert stored.bytes == kept
    assert ada.content(file["id"]) == b"beans" * 100


def test_a_file_without_content_is_not_on_the_disk(lab: labs.Lab) -> None:
    with pytest.raises(FileNotFoundError, match="is not on this disk"):
        lab.stored(str(uuid4()))
