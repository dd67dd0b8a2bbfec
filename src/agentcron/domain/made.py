"""How frozen values are made by the thousand."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, Self


class Made:
    """For frozen dataclasses without slots that every run needs: their constructor sets each field through
    ``object.__setattr__``, and that costs six times as much as filling the instance's dictionary at once."""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """An instance with these fields, the defaults for the others. The names are not checked."""
        made = object.__new__(cls)
        # Looked up in the class itself: a subclass must not take the defaults of its parent.
        made.__dict__.update(cls.__dict__.get("_defaults") or _read_defaults(cls))
        made.__dict__.update(values)
        return made

    @classmethod
    def whole(cls, values: dict[str, Any]) -> Self:
        """An instance with these fields, which are all that it has. The dictionary is its own from then on."""
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", values)
        return made

    def evolve(self, **changes: Any) -> Self:
        """A copy with these fields changed."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changes)
        return copy


def _read_defaults(cls: Any) -> dict[str, Any]:
    found = {field.name: field.default for field in fields(cls) if field.default is not MISSING}
    cls._defaults = found
    return found
