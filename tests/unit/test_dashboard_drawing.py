"""Pictures, agenda and words of the dashboard: values in, markup out."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus as E
from agentcron.domain.model import Job
from agentcron.domain.spec_fields import read_spec
from agentcron.http.pages import drawing, words
from agentcron.http.pages.agenda import agenda
from agentcron.http.pages.drawing import Bar

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def read(markup: str) -> ET.Element:
    return ET.fromstring(markup)


def job(schedule: str, **fields: object) -> Job:
    made = changes.create(read_spec({"name": schedule, "prompt": "x", "schedule": schedule, **fields}), "0" * 16, NOW)
    assert made.job_after is not None
    return made.job_after


def test_a_sparkline_hangs_what_went_wrong_below_the_line_and_says_so() -> None:
    svg = read(drawing.sparkline([(E.SUCCESS, MINUTE), (E.ERROR, MINUTE), (E.SUCCESS, HOUR), (E.RUNNING, None)]))
    good, bad, long, running = svg
    assert svg.get("aria-label") == "Last runs: 1 error, 1 running, 2 success"
    assert int(bad.get("y", "")) > int(good.get("y", "")) + int(good.get("height", ""))
    assert int(long.get("height", "")) > int(good.get("height", "")) > int(running.get("height", ""))
    assert int(running.get("x", "")) == 95, "the newest stands at the right end"
    assert read(drawing.sparkline([])).get("aria-label") == "No run yet"
    assert len(read(drawing.sparkline([(E.SUCCESS, None)] * 99))) == 20


def test_a_heat_map_shows_each_day_by_its_worst() -> None:
    days = {date(2026, 2, 27): {E.SUCCESS: 9, E.MISSED: 1}, date(2026, 2, 28): {E.SUCCESS: 1}}
    text = drawing.heatmap(days, date(2026, 3, 1), weeks=2)
    rects = read(text).findall("rect")
    assert len(rects) == 14
    told = {rect.findtext("title", "").partition(":")[0]: (rect.get("class"), rect.findtext("title")) for rect in rects}
    assert told["Fri 27 Feb"] == ("s-missed level4", "Fri 27 Feb: 1 missed, 9 success")
    assert told["Sat 28 Feb"][0] == "s-success level2"
    assert told["Sun 1 Mar"] == ("empty", "Sun 1 Mar: nothing was due")
    assert len(read(text).findall("circle")) == 1, "what went wrong bears a mark besides its colour"


def test_runs_that_collide_stand_below_each_other() -> None:
    def bar(start: int, end: int) -> Bar:
        return Bar(
            start=NOW + start * MINUTE, end=NOW + end * MINUTE, status=E.SUCCESS, title=f"{start}", link="/executions/1"
        )

    svg, most = drawing.lanes([bar(0, 30), bar(30, 60), bar(10, 20), bar(15, 40)], NOW, NOW + HOUR)
    rects = {rect.findtext("title"): rect for rect in read(svg).iter("rect")}
    assert most == 3
    assert [rects[name].get("y") for name in ("0", "10", "15", "30")] == ["2", "18", "34", "2"]
    assert (rects["30"].get("x"), rects["30"].get("width")) == ("50.000%", "50.000%")
    _, alone = drawing.lanes([bar(-60, 600)], NOW, NOW + HOUR)
    assert alone == 1


def test_what_is_drawn_is_escaped() -> None:
    evil = '"><script>alert(1)</script>'
    svg, _ = drawing.lanes([Bar(start=NOW, end=NOW, status=E.ERROR, title=evil, link=evil)], NOW, NOW + HOUR)
    assert "<script" not in svg
    assert read(svg).find(".//title").text == evil  # type: ignore[union-attr]
    assert "<script" not in drawing.columns([1], [evil], evil)
    assert "<script" not in drawing.ticks(NOW, NOW + HOUR, [(NOW, evil)])


def test_no_part_of_a_run_vanishes_beside_the_other() -> None:
    for waited, ran in ((timedelta(0), HOUR), (MINUTE / 60, 24 * HOUR), (24 * HOUR, MINUTE / 60), (HOUR, None)):
        wait, *work = read(drawing.stretch(waited, ran, E.SUCCESS))
        width = float(wait.get("width", "").rstrip("%"))
        assert (width == 0) == (not waited)
        assert len(work) == (ran is not None)
        assert all(float(part.get("width", "").rstrip("%")) >= 1 for part in work)


@pytest.mark.parametrize("counts", [[], [0], [0, 5, 100]])
def test_columns_of_any_counts_are_a_picture(counts: list[int]) -> None:
    svg = read(drawing.columns(counts, [str(n) for n in counts], "told"))
    heights = [float(rect.get("height", "")) for rect in svg]
    assert heights == sorted(heights)
    assert all(0 < height <= 38 for height in heights)


def test_an_agenda_names_few_times_one_by_one_and_many_by_their_number() -> None:
    jobs = [job("0 15 * * *"), job("every 15m"), job("at 2026-03-01T13:30"), job("0 0 1 1 *"), job("0 */8 * * *")]
    told = agenda(jobs, NOW)
    assert [((entry.at - NOW) // HOUR, entry.job.name, entry.times) for entry in told.entries] == [
        (0, "every 15m", 95),
        (1, "at 2026-03-01T13:30", 1),
        (3, "0 15 * * *", 1),
        (4, "0 */8 * * *", 1),
        (12, "0 */8 * * *", 1),
        (20, "0 */8 * * *", 1),
    ]
    assert sum(told.by_hour) == 95 + 5
    assert told.by_hour[3] == 4 + 1


def test_an_agenda_ends_where_a_job_does() -> None:
    short = job("every 1h", max_runs=3)
    ends = job("every 1h", end_at="2026-03-01T14:00:00+00:00")
    assert [entry.at for entry in agenda([short], NOW).entries] == [NOW + hour * HOUR for hour in (1, 2, 3)]
    assert [entry.at for entry in agenda([ends], NOW).entries] == [NOW + hour * HOUR for hour in (1, 2)]
    paused = changes.pause(short, NOW, lambda: "x")
    assert paused is not None
    assert paused.job_after is not None
    assert agenda([paused.job_after], NOW).entries == []


def test_an_agenda_of_more_jobs_than_were_looked_at_ends_where_the_others_begin() -> None:
    jobs = [job("every 15m"), job("at 2026-03-01T13:30"), job("at 2026-03-01T14:10"), job("at 2026-03-01T18:00")]
    told = agenda(jobs, NOW, known=NOW + 130 * MINUTE)
    assert [entry.job.name for entry in told.entries] == ["every 15m", "at 2026-03-01T13:30", "at 2026-03-01T14:10"]
    assert [*told.by_hour[1:]] == [5, 5]
    assert len(told.by_hour) == 3
    assert agenda(jobs, NOW, known=NOW + 24 * HOUR) == agenda(jobs, NOW)


@pytest.mark.parametrize(
    ("offset", "told"),
    [
        (timedelta(0), "now"), (timedelta(seconds=59), "in 59 s"), (timedelta(seconds=61), "in 1 min 1 s"),
        (timedelta(hours=2, minutes=5, seconds=9), "in 2 h 5 min"), (timedelta(days=12, hours=4), "in 12 d"),
        (-timedelta(days=3), "3 d ago"),
    ],
)  # fmt: skip
def test_how_soon_is_told_in_two_parts(offset: timedelta, told: str) -> None:
    assert words.away(NOW + offset, NOW) == told


def test_a_time_is_as_short_as_it_can_be_without_doubt() -> None:
    told = [words.clock(NOW + timedelta(days=days), "Europe/Berlin", NOW) for days in (0, -3, 6, 7, -70)]
    assert told == ["13:00", "Thu 13:00", "Sat 13:00", "8 Mar 13:00", "21 Dec 2025, 13:00"]
    assert words.whole(NOW, "Asia/Kolkata") == "Sun 2026-03-01 17:30:00 IST"
    assert words.whole(NOW, "America/Sao_Paulo").endswith("UTC-03")


def test_amounts_read_well() -> None:
    assert [words.money(Decimal(cost)) for cost in ("0", "0.00001", "0.0123", "1234.5")] == [
        "$0", "<$0.0001", "$0.0123", "$1,234.50",
    ]  # fmt: skip
    assert [words.percent(share) for share in (None, 0.0, 0.9999, 1.0)] == ["–", "0 %", "99 %", "100 %"]
    assert [words.span(timedelta(seconds=n)) for n in (0.0004, 0.12, 9.94, 75, 3600)] == [
        "0 ms", "120 ms", "9.9 s", "1 min 15 s", "1 h",
    ]  # fmt: skip
    assert words.short_count(12_345) == "12.3k"


def test_what_could_make_a_text_read_as_something_else_is_marked() -> None:
    assert words.tame("a\u202eb\x00\n\tc") == "a\ufffdb\ufffd\n\tc"
    assert words.first_line("x " * 200).endswith("…")
    assert not re.search(r"\n", words.first_line("a\nb"))
