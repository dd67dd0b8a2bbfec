"""Names of jobs: few digits tell them apart, and those made together stand together."""

from __future__ import annotations

from agentcron import ids


def test_the_first_digits_tell_jobs_apart_that_were_made_one_after_another() -> None:
    made = [ids.job_id() for _ in range(1600)]
    assert len({key[:8] for key in made}) > 1595
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in made)


def test_jobs_made_one_after_another_stand_beside_each_other_in_an_index() -> None:
    assert len({ids.job_id()[:5] for _ in range(1600)}) <= 101
