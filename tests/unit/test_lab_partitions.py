"""The arithmetic of Kafka's default partitioner."""

import pytest

from canvas_demo.lab.partitions import murmur2, partition_of


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafkas_own_clients(text: str, hashed: int) -> None:
    """The texts and hashes are those of Kafka's UtilsTest."""
    assert murmur2(text.encode()) == hashed % 2**32


def test_a_partition_is_one_of_those_that_there_are() -> None:
    assert {partition_of(str(number), 6) for number in range(100)} == set(range(6))
