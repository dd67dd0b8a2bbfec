"""What is refused, how fast, and whether the message names the field and the fault."""

from __future__ import annotations

import time

import pytest

from agentcron.errors import AgentcronError, InvalidScheduleError
from agentcron.schedule import CronSchedule, parse_instant, parse_schedule, zone

FIELDS = {
    "second": ("{} * * * * *", 60),
    "minute": ("{} * * * *", 60),
    "hour": ("0 {} * * *", 24),
    "day of month": ("0 0 {} * *", 32),
    "month": ("0 0 * {} *", 13),
    "day of week": ("0 0 * * {}", 8),
}


def everywhere(kind: str, *texts: str, fields: tuple[str, ...] = tuple(FIELDS)) -> list[tuple[str, str, str | None]]:
    return [(FIELDS[field][0].format(text), kind, field) for field in fields for text in texts]


def cases() -> list[tuple[str, str, str | None]]:
    found: list[tuple[str, str, str | None]] = []
    for field, (frame, above) in FIELDS.items():
        for text in ("{0}", "{0}-{0}", "1-{0}", "1,{0}", "{0}/2", "1-{0}/2", "99999", "1-100"):
            found.append((frame.format(text.format(above)), "out_of_range", field))
    found += everywhere("out_of_range", "0", "0-3", "0/2", fields=("day of month", "month"))
    found += everywhere("bad_step", "*/0", "1/0", "1-5/0", "*/", "*/-1", "*/x", "1/2/3", "1-5/*", "*/00")
    found += everywhere("malformed", "1,,2", ",1", "1,", ",", "-1", "1-", "-", "/5", "**", "*-5", "1-5-", "*5", "5*")
    found += everywhere("reversed_range", "5-1", "5-1/2", "1,6-2")
    found += everywhere("bad_character", "1.5", "1_0", "+1", "１", "1;2", "(1)", "~", "%", "é", "!1", "$1", "'1'")
    found += everywhere("bad_name", "FOO", "1-FOO", "XYZ/2", "FOO,1")
    found += everywhere("bad_name", "MON", "JAN", fields=("minute", "hour", "day of month"))
    found += everywhere("malformed", "?", "?/2", fields=("minute", "hour", "month"))
    found += everywhere("bad_special", "L", "W", "LW", "5L", "1#2", "H", fields=("second", "minute", "hour", "month"))
    found += [
        ("0 0 W * *", "bad_special", "day of month"),
        ("0 0 1-5W * *", "bad_special", "day of month"),
        ("0 0 LW-1 * *", "bad_special", "day of month"),
        ("0 0 5L * *", "bad_special", "day of month"),
        ("0 0 1#2 * *", "bad_special", "day of month"),
        ("0 0 H * *", "bad_special", "day of month"),
        ("0 0 L/2 * *", "bad_special", "day of month"),
        ("0 0 L-0 * *", "out_of_range", "day of month"),
        ("0 0 L-31 * *", "out_of_range", "day of month"),
        ("0 0 0W * *", "out_of_range", "day of month"),
        ("0 0 32W * *", "out_of_range", "day of month"),
        ("0 0 ?,5 * *", "malformed", "day of month"),
        ("0 0 * * L", "bad_special", "day of week"),
        ("0 0 * * W", "bad_special", "day of week"),
        ("0 0 * * 1#0", "out_of_range", "day of week"),
        ("0 0 * * 1#6", "out_of_range", "day of week"),
        ("0 0 * * 8#1", "out_of_range", "day of week"),
        ("0 0 * * 8L", "out_of_range", "day of week"),
        ("0 0 * * 1#", "bad_special", "day of week"),
        ("0 0 * * #1", "bad_special", "day of week"),
        ("0 0 * * 1-5#2", "bad_special", "day of week"),
        ("0 0 * * 1#2#3", "bad_special", "day of week"),
        ("0 0 * * MON#L", "bad_special", "day of week"),
        ("0 0 * * FRI-MON", "reversed_range", "day of week"),
        ("0 0 * * FRI-SUN", "reversed_range", "day of week"),
        ("0 0 * * MONDAY", "bad_name", "day of week"),
        ("0 0 * JANUARY *", "bad_name", "month"),
        ("0 0 * MAY-JAN *", "reversed_range", "month"),
        ("0 22-2 * * *", "reversed_range", "hour"),
    ]
    for impossible in (
        "30 2", "31 2", "30-31 2", "31 4", "31 6", "31 9", "31 11", "31 4,6,9,11", "31 2,4", "30W 2", "31W 2,4,6",
        "L-29 2",
        "L-30 2,4",
    ):  # fmt: skip
        found.append((f"0 0 {impossible} *", "never_fires", "day of month"))
    found += [
        ("0 0 */30 * MON#4", "never_fires", "day of month"),
        ("0 0 */31 * 1#5", "never_fires", "day of month"),
        ("*/5 * */20 * FRIL", "never_fires", "day of month"),
        ("59 59 23 30 2 *", "never_fires", "day of month"),
    ]
    found += [(text, "bad_alias", None) for text in ("@", "@day", "@reboot", "@every 5m", "@dayly", "@hourly 5", "@1")]
    found += [(" ".join(["*"] * count), "field_count", None) for count in (1, 2, 3, 4, 7, 8, 20)] + [
        ("", "field_count", None),
        (" ", "field_count", None),
        ("\t", "field_count", None),
    ]
    found += [
        (text, "bad_character", None)
        for text in ("0 9 * * *\n", "\n0 9 * * *", "0 9 * *\n*", "0 9 * * *\r", "\ufeff0 9 * * *", "0\x009 * * *",
                     "0 9 * * *\x0b", "0\u00a09 * * *", "@däily")
    ]  # fmt: skip
    found += [("1," * 600 + "1 * * * *", "malformed", None)]
    return found


CASES = cases()


def test_there_are_enough_distinct_ones() -> None:
    assert len({text for text, _, _ in CASES}) == len(CASES) >= 250


@pytest.mark.parametrize(("text", "kind", "field"), CASES)
def test_an_invalid_expression_is_refused_at_once_with_its_reason(text: str, kind: str, field: str | None) -> None:
    best = 1.0
    for _ in range(3):
        begin = time.process_time()
        with pytest.raises(InvalidScheduleError) as refusal:
            CronSchedule(text)
        best = min(best, time.process_time() - begin)
    assert best < 0.05
    message = str(refusal.value)
    assert refusal.value.kind == kind, message
    if kind == "bad_character" and field is None:
        assert refusal.value.field in (None, "minute", "hour", "day of week")
    else:
        assert refusal.value.field == field, message
    assert message.startswith(f"{refusal.value.field or 'cron expression'}: ")
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 1400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("60 * * * *", "minute: 60 is out of range (0-59)"),
        ("0 1-24 * * *", "hour: 24 in 1-24 is out of range (0-23)"),
        ("0 22-2 * * *", "hour: 22-2 runs backwards; write 22-23,0-2"),
        ("0 0 * * FRI-MON", "day of week: FRI-MON runs backwards; write 5-6,0-1"),
        ("0 0 * JANUARY *", "month: JANUARY is not a name of a month; write JAN"),
        ("*/0 * * * *", "minute: the step of */0 is not a whole number of 1 or more, such as */5"),
        ("@dialy", "cron expression: @dialy is not an alias; did you mean @daily?"),
    ],
)
def test_the_message_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(InvalidScheduleError) as refusal:
        CronSchedule(text)
    assert str(refusal.value) == message
    assert isinstance(refusal.value, ValueError)
    assert isinstance(refusal.value, AgentcronError)


@pytest.mark.parametrize("value", [None, 5, b"* * * * *", ["*"], {}])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(InvalidScheduleError):
        CronSchedule(value)  # type: ignore[arg-type]
    with pytest.raises(InvalidScheduleError) as refusal:
        CronSchedule("* * * * *", value)  # type: ignore[arg-type]
    assert refusal.value.kind == "bad_timezone"
    with pytest.raises(InvalidScheduleError):
        parse_schedule(value)  # type: ignore[arg-type]
    with pytest.raises(InvalidScheduleError):
        parse_instant(value)  # type: ignore[arg-type]


def test_a_wildcard_that_the_zone_always_skips_is_refused() -> None:
    text = "*/5 2 * 3 7L"
    begin = time.process_time()
    with pytest.raises(InvalidScheduleError, match="always skipped by the clock of Europe/Berlin") as refusal:
        CronSchedule(text, "Europe/Berlin")
    assert refusal.value.kind == "never_fires"
    assert time.process_time() - begin < 0.5
    assert CronSchedule(text, "UTC").wildcard
    assert not CronSchedule("5 2 * 3 7L", "Europe/Berlin").wildcard


@pytest.mark.parametrize(
    "name",
    ["", " ", "../etc/passwd", "/etc/passwd", "Europe/../Europe/Berlin", "Europe//Berlin", "Europe/Berlin/",
     "localtime", "posixrules", "Factory", "right/UTC", "posix/UTC", "posix/Europe/Berlin", "zone.tab", "tzdata.zi",
     "leapseconds", "Europe", "Mars/Olympus", "europe/berlin",
     "UTC ", "Europe/Berlin\n", "Europe/Berlin\x00", "CET+1", "+01:00", "Z" * 500],
)  # fmt: skip
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidScheduleError) as refusal:
        zone(name)
    assert refusal.value.kind == "bad_timezone"
    assert refusal.value.field == "timezone"
    message = str(refusal.value)
    assert message.startswith("timezone: ")
    assert message.isprintable()


def test_the_nearest_zone_is_named() -> None:
    with pytest.raises(InvalidScheduleError, match=r"did you mean Europe/Berlin\?"):
        zone("europe/berlin")
    with pytest.raises(InvalidScheduleError, match=r"did you mean America/New_York\?"):
        zone("America/New_Yrok")
