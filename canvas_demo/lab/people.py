"""Organisations of a notebook's own: nobody else's events bear their ids."""

from collections.abc import Iterator, Sequence

from canvas_demo.lab.api import Api, Person


class Organization(Sequence[Person]):
    """A fresh organisation, as the sequence of its people; all of them are signed in."""

    def __init__(self, api: Api, *names: str) -> None:
        first, *others = names or ("",)
        self.people = [api.sign_up(first)]
        self.id = self.people[0].organization_id
        for name in others:
            self.add(name)

    def __repr__(self) -> str:
        return f"Organisation {self.id}: {', '.join(person.username for person in self.people)}"

    def __iter__(self) -> Iterator[Person]:
        return iter(self.people)

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, index: int) -> Person:  # type: ignore[override]
        return self.people[index]

    def add(self, name: str = "") -> Person:
        """One more person."""
        self.people.append(self.people[0].add_user(name))
        return self.people[-1]
