"""How frozen values are made by the thousand."""

from __future__ import annotations

from typing import Any, Final, Self

_new: Final = object.__new__


class Made:
    """For frozen dataclasses without slots that every run needs: their constructor sets each field through
    ``object.__setattr__``, and that costs ten times as much as giving the instance a dictionary.

    A field that was not given stays out of the dictionary. Its default is found in the class, where dataclasses keep
    them, so an instance is as small as what it says."""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """An instance with these fields, the defaults for the others. Neither names nor missing ones are checked."""
        made = _new(cls)
        _give(made, values)
        return made

    @classmethod
    def whole(cls, values: dict[str, Any]) -> Self:
        """The same of a dictionary, which is the instance's own from then on."""
        made = _new(cls)
        _give(made, values)
        return made

    def evolve(self, **changes: Any) -> Self:
        """A copy with these fields changed."""
        copy = _new(type(self))
        _give(copy, {**self.__dict__, **changes})
        return copy


# Sets an instance's dictionary past the frozen class, and past the search for what ``__dict__`` is.
_give: Final = vars(Made)["__dict__"].__set__
