"""Which faults there are, by name: each can be planned, is counted when it fires, and is known to have fired at all."""

from __future__ import annotations

from typing import Final

STORE_WRITES: Final = ("commit", "claim", "begin", "settle", "beat", "renew", "join", "leave")
STORE_READS: Final = ("due", "ready_at", "lapsed", "get_spec")

# At a write of the store, before it takes effect or after: the scheduler dies, the store fails, the answer is slow.
CRASHES: Final = tuple(f"crash {when} {write}" for write in STORE_WRITES for when in ("before", "after"))
ERRORS: Final = tuple(f"error {when} {write}" for write in STORE_WRITES for when in ("before", "after"))
SLOW: Final = tuple(f"slow {when} {write}" for write in ("commit", "claim", "settle") for when in ("before", "after"))
READ_ERRORS: Final = tuple(f"error at {read}" for read in STORE_READS)
SLOW_CLAIM: Final = "slow after claim"
HALVED: Final = "crash amid commit"
AT_THE_STORE: Final = (*CRASHES, *ERRORS, *SLOW, *READ_ERRORS, HALVED)
# Somebody dies, or the store fails, when an answer is written; only in stories in which agents ask.
AT_AN_ANSWER: Final = tuple(
    f"{fault} {when} answer_input" for fault in ("crash", "error") for when in ("before", "after")
)

# At an instant, whatever goes on then.
KILL: Final = "kill"
STOP: Final = "stop"
OUTAGE: Final = "outage"
STORE_DOWN: Final = "store down"
CLOCK_FORWARD: Final = "clock forward"
CLOCK_BACK: Final = "clock back"
SUSPEND: Final = "suspend"
AT_AN_INSTANT: Final = (KILL, STOP, OUTAGE, STORE_DOWN, CLOCK_FORWARD, CLOCK_BACK, SUSPEND)

# What an agent does instead of answering soon.
SLOW_AGENT: Final = "agent slow"
HANGING_AGENT: Final = "agent hangs"
STUBBORN_AGENT: Final = "agent ignores its end"
REFUSING_AGENT: Final = "agent says not done"
BROKEN_AGENT: Final = "agent error"
BUSY_AGENT: Final = "agent error, retryable"
HELD_AGENT: Final = "agent error, retry after"
RAISING_AGENT: Final = "agent raises"
EXITING_AGENT: Final = "agent exits"
NO_AGENT: Final = "agent not created"
SLOW_CLOSE: Final = "agent slow to close"
# Only in some of the stories, beside the others: it parks its run until a person answers.
ASKING_AGENT: Final = "agent asks"
OF_AGENTS: Final = (
    SLOW_AGENT,
    HANGING_AGENT,
    STUBBORN_AGENT,
    REFUSING_AGENT,
    BROKEN_AGENT,
    BUSY_AGENT,
    HELD_AGENT,
    RAISING_AGENT,
    EXITING_AGENT,
    NO_AGENT,
    SLOW_CLOSE,
)

# What a person does in between.
PAUSE: Final = "person pauses"
RESUME: Final = "person resumes"
CANCEL: Final = "person cancels"
DELETE: Final = "person deletes"
REWORD: Final = "person edits the prompt"
MOVE: Final = "person edits the schedule"
RUN_NOW: Final = "person runs now"
CANCEL_RUN: Final = "person cancels a run"
OF_PEOPLE: Final = (PAUSE, RESUME, CANCEL, DELETE, REWORD, MOVE, RUN_NOW, CANCEL_RUN)

# Only where agents ask.
ANSWER: Final = "person answers"

ALL: Final = (*AT_THE_STORE, *AT_AN_ANSWER, *AT_AN_INSTANT, *OF_AGENTS, ASKING_AGENT, *OF_PEOPLE, ANSWER)
