"""Values as they come from outside."""

import pytest

from canvas_demo.kernel.errors import NotFound
from canvas_demo.kernel.values import checked_id

ID = "01a21995-5e0c-7a3b-8f00-00000000abcd"


def test_an_id_may_come_in_capitals() -> None:
    assert checked_id(ID.upper(), "canvas") == checked_id(ID, "canvas") == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        ID.replace("-", ""),
        f"urn:uuid:{ID}",
        f"{{{ID}}}",
        f" {ID[1:]}",
        f"+{ID[1:]}",
        f"\n{ID[1:]}",
        f"{ID}\n",
        f"{ID[:-1]}_",
        f"\N{ARABIC-INDIC DIGIT ZERO}{ID[1:]}",
        f"0-{ID[1:]}",
    ],
)
def test_what_only_reads_like_an_id_is_none(text: str) -> None:
    with pytest.raises(NotFound):
        checked_id(text, "canvas")
