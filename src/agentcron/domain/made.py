"""How frozen values are made by the thousand."""

from __future__ import annotations

from typing import Any, Final, Self

_new: Final = object.__new__
_set: Final = object.__setattr__


class Made:
    """For frozen dataclasses without slots that every run needs: their constructor sets each field through
    ``object.__setattr__``, and that costs ten times as much as giving the instance a dictionary.

    A field that was not given stays out of the dictionary. Its default is found in the class, where dataclasses keep
    them, so an instance is as small as what it says."""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """An instance with these fields, the defaults for the others. Neither names nor missing ones are checked."""
        made = _new(cls)
        _set(made, "__dict__", values)
        return made

    @classmethod
    def whole(cls, values: dict[str, Any]) -> Self:
        """The same of a dictionary, which is the instance's own from then on."""
        made = _new(cls)
        _set(made, "__dict__", values)
        return made

    def evolve(self, **changes: Any) -> Self:
        """A copy with these fields changed."""
        copy = _new(type(self))
        _set(copy, "__dict__", {**self.__dict__, **changes})
        return copy
