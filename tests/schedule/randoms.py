"""Random valid expressions, the same ones for the same seed."""

from __future__ import annotations

from random import Random

from .oracle import DAYS, MONTHS


def expression(random: Random, *, six: bool = False, plain: bool = False) -> str:
    """One expression; ``plain`` keeps to what cronsim reads too."""
    words = [
        _part(random, 0, 59, star=0.25, step=0.25),
        _part(random, 0, 23, star=0.35, step=0.15),
        "*" if random.random() < 0.6 else _day(random, plain),
        "*" if random.random() < 0.8 else _month(random),
        "*" if random.random() < 0.6 else _weekday(random, plain),
    ]
    if six:
        words.insert(0, _part(random, 0, 59, star=0.15, step=0.3))
    return " ".join(words)


def _part(random: Random, low: int, high: int, *, star: float, step: float) -> str:
    kind = random.random()
    if kind < star:
        return "*"
    if kind < star + step:
        return f"*/{random.randint(1, high)}"
    return ",".join(_item(random, low, high) for _ in range(random.choice((1, 1, 1, 2, 3))))


def _item(random: Random, low: int, high: int) -> str:
    first = random.randint(low, high) if random.random() < 0.5 else random.randint(low, min(low + 4, high))
    last = random.randint(first, high)
    return random.choice(
        (
            f"{first}",
            f"{first}",
            f"{first}-{last}",
            f"{first}-{last}/{random.randint(1, 9)}",
            f"{first}/{random.randint(1, 20)}",
        )
    )


def _day(random: Random, plain: bool) -> str:
    number = random.randint(1, 31)
    simple = (f"*/{random.randint(1, 31)}", _item(random, 1, 31), f"{_item(random, 1, 31)},{number}")
    if plain:
        return random.choice((*simple, "L"))
    special = ("?", "L", "LW", f"{number}W", f"L-{random.randint(1, 30)}", f"{number},L", f"{number}W,L-2")
    return random.choice(simple + special)


def _month(random: Random) -> str:
    first = random.randint(1, 12)
    names = f"{random.choice(MONTHS)},{random.choice(MONTHS).lower()}"
    return random.choice((_item(random, 1, 12), f"*/{random.randint(1, 12)}", names, f"{first}-12"))


def _weekday(random: Random, plain: bool) -> str:
    name = random.choice(DAYS)
    number = random.randint(0, 7)
    low = random.randint(0, 6)
    simple = (
        f"*/{random.randint(1, 7)}",
        f"{low}-{random.randint(low, 7)}",
        f"{number}",
        name,
        "MON-FRI",
        f"{name},{number}",
    )
    if plain:
        return random.choice((*simple, f"{low}#{random.randint(1, 5)}", f"{low}L"))
    special = (
        "?",
        f"{name}#{random.randint(1, 5)}",
        f"{number}#{random.randint(1, 5)}",
        f"{name}L",
        f"{number}L,{name}",
        f"{low}/2",
    )
    return random.choice(simple + special)
