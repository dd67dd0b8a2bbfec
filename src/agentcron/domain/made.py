"""How frozen values are made by the thousand."""

from __future__ import annotations

from typing import Any, Self


class Made:
    """For frozen dataclasses without slots that every run needs: their constructor sets each field through
    ``object.__setattr__``, and that costs six times as much as filling the instance's dictionary at once."""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """An instance with these fields; for the others the class answers with their defaults. The names are not
        checked."""
        made = object.__new__(cls)
        made.__dict__.update(values)
        return made

    def evolve(self, **changes: Any) -> Self:
        """A copy with these fields changed."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changes)
        return copy
