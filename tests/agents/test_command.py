"""A program as an agent: prompt, environment, output, exit codes, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psutil
import pytest

from agentcron.agents.conversation import readable
from agentcron.agents.processes import end_tree, start_time
from agentcron.errors import AgentDefinitionError, AgentError
from agentcron.ports import RunContext
from tests.agents.helpers import CONTEXT, answer_of, context, factory_of, lives, pid_in, sh, until

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
PATH = {"PATH": os.environ["PATH"]}


async def error_of(definition: Any, prompt: str = "p", given: RunContext = CONTEXT, **more: Any) -> AgentError:
    with pytest.raises(AgentError) as error:
        await answer_of(definition, prompt, given, **more)
    return error.value


async def test_the_prompt_comes_in_on_standard_input() -> None:
    long = "ä line\n" * 200_000
    assert (
        await answer_of(
            {"kind": "command", "command": ["cat"]},
            long,
        )
    ).output[:100] == long[:100]
    answer = await answer_of({"kind": "command", "command": ["wc", "-c"]}, long)
    assert int(answer.output) == len(long.encode())


async def test_the_prompt_comes_in_as_an_argument_where_it_has_a_place() -> None:
    command = {"kind": "command", "command": ["sh", "-c", 'printf "%s|" "$@"; cat', "x", "--say={prompt}", "$(id)"]}
    assert (await answer_of(command, "a 'b' $HOME")).output == "--say=a 'b' $HOME|$(id)|"


@pytest.mark.usefixtures("many_open_files")
async def test_a_program_runs_where_very_many_files_are_open() -> None:
    assert (await answer_of({"kind": "command", "command": ["cat"]}, "hello")).output == "hello"


async def test_a_program_that_never_reads_the_prompt_is_not_blocked() -> None:
    assert (await answer_of(sh("echo done"), "x" * 1_000_000)).output == "done\n"


async def test_a_prompt_that_is_too_long_for_an_argument_says_what_to_do() -> None:
    error = await error_of({"kind": "command", "command": ["echo", "{prompt}"]}, "x" * 200_000)
    assert "leave {prompt} out, and it goes to standard input" in str(error)
    assert error.kind == "creation"


async def test_a_nul_in_an_argument_is_an_error_of_the_run() -> None:
    assert "null byte" in str(await error_of({"kind": "command", "command": ["echo", "{prompt}"]}, "a\0b"))


async def test_only_harmless_variables_and_those_named_come_in() -> None:
    outer = {
        **PATH,
        "HOME": "/h",
        "LC_TIME": "C",
        "TZ": "UTC",
        "AWS_SECRET": "hidden",
        "LD_PRELOAD": "",
        "WANTED": "w",
        "RENAMED": "r",
    }
    answer = await answer_of({"kind": "command", "command": ["env"], "env": ["WANTED"]}, environ=outer)
    seen = dict(line.split("=", 1) for line in answer.output.splitlines())
    assert seen.pop("PATH") == outer["PATH"]
    assert seen == {
        "HOME": "/h",
        "LC_TIME": "C",
        "TZ": "UTC",
        "WANTED": "w",
        "AGENTCRON_JOB_ID": "JOB",
        "AGENTCRON_EXECUTION_ID": CONTEXT.execution_id,
        "AGENTCRON_ATTEMPT": "1",
        "AGENTCRON_IDEMPOTENCY_KEY": CONTEXT.idempotency_key,
    }


async def test_variables_come_from_values_and_references(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    env = {"A": "plain", "B": "env:OUTER", "C": "file:token"}
    factory = factory_of(sh('echo "$A|$B|$C"', env=env), environ={**PATH, "OUTER": "from outside"}, base_dir=tmp_path)
    agent = await factory.create("it", CONTEXT)
    answer = await agent.run("p")
    await agent.close()
    assert answer.output == "plain|from outside|from a file\n"
    assert factory.redactor.text("it is: from a file") == "it is: [redacted:token]"


async def test_the_moment_is_told_in_utc() -> None:
    moment = datetime(2026, 11, 23, 9, tzinfo=timezone(timedelta(hours=1)))
    answer = await answer_of(sh("echo $AGENTCRON_SCHEDULED_FOR"), given=context(scheduled_for=moment))
    assert answer.output == "2026-11-23T08:00:00Z\n"
    assert moment.astimezone(UTC).hour == 8


async def test_it_works_in_the_folder_that_was_named(tmp_path: Path) -> None:
    real = tmp_path.resolve()
    (tmp_path / "sub").mkdir()
    assert (await answer_of(sh("pwd -P"), base_dir=tmp_path)).output == f"{real}\n"
    assert (await answer_of(sh("pwd -P", cwd="sub"), base_dir=tmp_path)).output == f"{real}/sub\n"


def test_check_finds_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    for definition, said in [
        ({"command": ["no-such-program"]}, "no-such-program is not on PATH"),
        ({"command": ["/no/such"]}, "there is no file /no/such"),
        ({"command": ["./script"], "cwd": str(tmp_path)}, "is not executable; chmod"),
        ({"command": ["ls"], "cwd": "/no/such"}, "cwd: there is no folder /no/such; create it"),
        ({"command": ["ls"], "env": ["NOT_SET"]}, "env: NOT_SET: env:NOT_SET: the variable NOT_SET is not set"),
        ({"command": ["ls"], "env": {"A": "file:/no/such"}}, "env: A: file:/no/such: /no/such cannot be read"),
    ]:
        with pytest.raises(AgentDefinitionError) as refused:
            factory_of({"kind": "command", **definition}, environ=PATH).check("it")
        assert said in str(refused.value)


async def test_what_went_missing_since_the_check_is_an_error_of_the_run(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/shell\n")
    script.chmod(0o755)
    error = await error_of({"kind": "command", "command": [str(script)]})
    assert "cannot be started: No such file or directory; the program, or the interpreter" in str(error)
    script.write_text("echo no first line\n")
    assert "a script needs a first line such as #!/bin/sh" in str(
        await error_of({"kind": "command", "command": [str(script)]})
    )
    script.unlink()
    error = await error_of({"kind": "command", "command": [str(script)]})
    assert (error.kind, "there is no file" in str(error)) == ("creation", True)


async def test_exit_codes_and_signals_are_told_apart_with_the_last_words() -> None:
    error = await error_of(sh("echo one >&2; echo two >&2; exit 3"))
    assert (str(error), error.kind, error.retryable) == ("sh ended with exit code 3: one | two", "exit", False)
    assert str(await error_of(sh("kill -TERM $$"))) == "sh was ended by SIGTERM (signal 15), without a word"
    assert str(await error_of(sh("exit 143"))) == "sh ended with exit code 143, without a word"
    assert str(await error_of(sh("echo so; exit 1"))) == "sh ended with exit code 1, nothing on stderr; stdout ends: so"


async def test_exit_code_75_asks_for_another_try() -> None:
    assert (await error_of(sh("exit 75"))).retryable


async def test_a_long_complaint_is_cut() -> None:
    assert len(str(await error_of(sh("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1")))) < 1100


async def test_bytes_that_are_no_text_are_replaced() -> None:
    answer = await answer_of(sh(r"printf 'a\377b'; echo warning >&2"))
    assert answer.output == "a\ufffdb"
    assert answer.conversation is not None
    assert readable(answer.conversation)[-1].text == "stderr: warning"


async def test_output_without_end_is_cut_and_drained_and_costs_no_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = await answer_of({"kind": "command", "command": ["head", "-c", "100000000", "/dev/zero"]})
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert answer.output.endswith("\n[cut: the first 1048576 of 100000000 bytes]")
    assert len(answer.output) < 1_048_700
    assert "of 100000000 bytes]" in answer.output
    assert grown < 40_000  # KiB


async def test_a_character_at_the_cut_is_left_out_whole() -> None:
    answer = await answer_of(sh("printf 'aää'", max_output_bytes=2))
    assert answer.output == "a\n[cut: the first 2 of 5 bytes]"


async def test_prompt_and_answer_alone_are_not_kept_a_second_time() -> None:
    assert (await answer_of(sh("echo yes"), "well?")).conversation is None


async def test_the_process_is_recorded_before_the_command_works(tmp_path: Path) -> None:
    mark = tmp_path / "worked"
    seen: list[tuple[int, float, bool]] = []

    async def record(pid: int, began: float) -> None:
        await asyncio.sleep(0.05)
        seen.append((pid, began, mark.exists()))

    await answer_of(sh(f"echo $PPID > {mark}"), given=context(record_process=record))
    ((pid, began, worked),) = seen
    assert not worked
    assert pid == pid_in(mark)
    assert began > 1_700_000_000


async def test_a_command_that_could_not_be_recorded_does_not_work(tmp_path: Path) -> None:
    mark = tmp_path / "worked"
    recorded: list[int] = []

    async def record(pid: int, began: float) -> None:
        recorded.append(pid)
        raise AgentError("the disk is full", kind="store")

    error = await error_of(sh(f"touch {mark}"), given=context(record_process=record))
    assert str(error) == "the disk is full"
    assert not mark.exists()
    assert not lives(recorded[0])


async def cancelled(definition: Any, ready: Path) -> int:
    """Run it, cancel it once ``ready`` holds a pid, and answer that pid."""
    run = asyncio.create_task(answer_of(definition))
    await until(lambda: pid_in(ready) or run.done(), "the command began")
    pid = pid_in(ready)
    assert pid is not None
    assert lives(pid)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    return pid


async def test_a_cancel_ends_the_command_and_gives_it_time_to_say_goodbye(tmp_path: Path) -> None:
    ready, bye = tmp_path / "ready", tmp_path / "bye"
    pid = await cancelled(
        sh(f"trap 'echo bye > {bye}; exit 0' TERM; echo $$ > {ready}; while :; do sleep 0.05; done"), ready
    )
    assert bye.exists()
    assert not lives(pid)


async def test_who_ignores_term_is_killed_after_the_grace(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    began = asyncio.get_running_loop().time()
    pid = await cancelled(sh(f"trap '' TERM; echo $$ > {ready}; while :; do sleep 1; done", grace="300ms"), ready)
    assert not lives(pid)
    assert asyncio.get_running_loop().time() - began >= 0.3


async def test_a_second_cancel_ends_the_grace(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    run = asyncio.create_task(answer_of(sh(f"trap '' TERM; echo $$ > {ready}; while :; do sleep 1; done", grace="1h")))
    await until(lambda: pid_in(ready), "the command began")
    run.cancel()
    await asyncio.sleep(0.05)
    assert not run.done()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not lives(pid_in(ready))


async def test_a_stopped_command_ends_too(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    pid = await cancelled(sh(f"echo $$ > {ready}; kill -STOP $$; sleep 100"), ready)
    assert not lives(pid)


GRANDCHILD = "setsid sh -c 'trap \"\" TERM; echo $$ > {path}; while :; do sleep 1; done' & "


@LINUX
async def test_a_grandchild_in_a_session_of_its_own_ends_with_a_command_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "grandchild"
    script = GRANDCHILD.format(path=path) + f"while [ ! -s {path} ]; do sleep 0.01; done; echo done"
    assert (await answer_of(sh(script, grace="200ms"))).output == "done\n"
    assert not lives(pid_in(path))


@LINUX
async def test_a_grandchild_in_a_session_of_its_own_ends_with_a_cancel(tmp_path: Path) -> None:
    path = tmp_path / "grandchild"
    assert not lives(await cancelled(sh(GRANDCHILD.format(path=path) + "sleep 100", grace="200ms"), path))


@LINUX
async def test_a_grandchild_in_a_session_of_its_own_ends_with_a_timeout(tmp_path: Path) -> None:
    path = tmp_path / "grandchild"
    error = await error_of(sh(GRANDCHILD.format(path=path) + "sleep 100", grace="100ms", timeout="1s"))
    assert error.kind == "timeout"
    assert not lives(pid_in(path))


@LINUX
async def test_what_keeps_forking_is_ended(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"f() {{ (setsid sleep 100 &) ; }}; echo $$ > {ready}; trap '' TERM; while :; do f; sleep 0.01; done"
    given = f"{tmp_path.name}-forks"
    run = asyncio.create_task(answer_of(sh(script, grace="100ms"), given=context(execution_id=given)))
    await until(lambda: pid_in(ready), "the command began")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert await asyncio.to_thread(end_tree, 1, 0.0, given) == 0


@LINUX
async def test_a_killed_supervisor_leaves_nothing_either(tmp_path: Path) -> None:
    ready, grandchild = tmp_path / "ready", tmp_path / "grandchild"
    pids: list[int] = []

    async def record(pid: int, began: float) -> None:
        pids.append(pid)

    given = replace(CONTEXT, execution_id=f"{tmp_path.name}-killed", record_process=record)
    script = GRANDCHILD.format(path=grandchild) + f"echo $$ > {ready}; sleep 100"
    run = asyncio.create_task(error_of(sh(script), given=given))
    await until(lambda: pid_in(ready) and pid_in(grandchild), "both began")
    psutil.Process(pids[0]).kill()
    assert "its supervisor was killed" in str(await run)
    assert not lives(pid_in(ready))
    assert not lives(pid_in(grandchild))


async def test_no_descriptor_and_no_task_is_left_over() -> None:
    await answer_of(sh("true"))
    before = (psutil.Process().num_fds(), len(asyncio.all_tasks()), len(psutil.Process().children()))
    for _ in range(3):
        await answer_of(sh("echo x"))
        await error_of(sh("exit 1"))
        await error_of({"kind": "command", "command": ["echo", "{prompt}"]}, "x" * 200_000)
    assert (psutil.Process().num_fds(), len(asyncio.all_tasks()), len(psutil.Process().children())) == before


async def test_many_at_once_keep_their_answers_apart() -> None:
    answers = await asyncio.gather(*(answer_of({"kind": "command", "command": ["cat"]}, str(n)) for n in range(12)))
    assert [answer.output for answer in answers] == [str(n) for n in range(12)]


def test_end_tree_spares_a_process_that_has_got_the_number_later() -> None:
    other = psutil.Popen(["sleep", "100"])
    try:
        began = start_time(other.pid)
        assert began is not None
        assert end_tree(other.pid, began - 100, "some-execution") == 0
        assert lives(other.pid)
        assert end_tree(other.pid, began, "some-execution") == 1
        assert not lives(other.pid)
    finally:
        other.kill()
        other.wait()


@LINUX
async def test_end_tree_spares_a_process_that_works_for_another_execution() -> None:
    other = psutil.Popen(["sleep", "100"], env={**PATH, "AGENTCRON_EXECUTION_ID": "of-another"})
    try:
        await until(lambda: "AGENTCRON_EXECUTION_ID" in other.environ(), "the kernel shows its environment")
        assert end_tree(other.pid, start_time(other.pid) or 0, "some-execution") == 0
        assert lives(other.pid)
        assert end_tree(1, 0.0, "of-another") == 1
    finally:
        other.kill()
        other.wait()


def test_end_tree_of_what_is_gone_ends_nothing() -> None:
    gone = psutil.Popen(["true"])
    gone.wait()
    assert start_time(gone.pid) is None
    assert end_tree(gone.pid, 1.0, "gone-execution") == 0
