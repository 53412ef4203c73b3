"""Topics and consumer groups of a notebook's own."""

from functools import partial
from typing import Any

import canvas_demo.lab as labs
from canvas_demo.lab.kafka import KafkaRecord

until = partial(labs.until, timeout=90)
"""Long enough for a machine that does much else."""


def test_a_topic_keeps_the_order_of_a_key_and_is_gone_with_its_lab(stack: Any) -> None:
    with labs.connect(stack.home) as lab:
        topic = lab.topic(partitions=3)
        placed = [topic.produce("garden", {"number": number}, {"kind": "note"}) for number in range(3)]
        assert len({record.partition for record in placed}) == 1
        assert [value["number"] for value in topic.records["value"]] == [0, 1, 2]
    with labs.connect(stack.home) as lab:
        until(lambda: lab.kafka.topics(topic.name).empty, "the topic is gone")


def test_a_topic_says_how_long_it_keeps_its_records(lab: labs.Lab) -> None:
    topic = lab.topic(partitions=1, retention_ms="60000")
    assert lab.kafka.settings(topic.name)["retention.ms"] == "60000"


def test_members_share_the_partitions_and_take_over_those_of_one_that_leaves(lab: labs.Lab) -> None:
    topic = lab.topic(partitions=4)
    group = lab.group(topic.name)
    first, second = group.join("first"), group.join("second")
    assert sorted(len(member.partitions) for member in (first, second)) == [2, 2]
    assert list(group.assignments["partition"]) == [0, 1, 2, 3]
    second.leave()
    assert set(group.settle()["member"]) == {"first"}
    assert {"gets", "gives up"} <= set(group.rebalances["what"])


def test_what_a_member_has_not_committed_is_handled_again_by_another(lab: labs.Lab) -> None:
    topic = lab.topic(partitions=1)
    for number in range(3):
        topic.produce("garden", {"number": number})
    group = lab.group(topic.name)

    def fail_at_the_second(record: KafkaRecord) -> None:
        if record.value["number"] == 1:
            raise RuntimeError("the second can't be handled here")

    failing = group.join("failing", fail_at_the_second)
    until(lambda: failing.error, "the member fails")
    assert list(group.positions["committed"]) == [1]
    group.join("other")
    until(lambda: len(group.handled) == 3, "all three are handled")
    assert list(group.handled["member"]) == ["failing", "other", "other"]
    until(lambda: list(group.positions["lag"]) == [0], "the lag is gone")


def test_a_group_that_never_commits_is_behind_by_all_there_is(lab: labs.Lab) -> None:
    topic = lab.topic(partitions=2)
    topic.produce("garden", {"number": 1})
    group = lab.group(topic.name)
    group.join("careless", commits=False)
    until(lambda: len(group.handled) == 1, "it is handled")
    assert group.positions["lag"].sum() == 1
    listed = lab.kafka.groups().set_index("group")
    assert listed.loc[group.id, "members"] == 1
