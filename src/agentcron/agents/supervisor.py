"""How a command and everything it started is made to end: the small parent of one command.

Run as a script with nothing but the standard library, as leader of its own session::

    python -I -S supervisor.py CONTROL STATUS SCHEDULER GRACE KEEP_LC_CTYPE PROGRAM ARGV...

CONTROL and STATUS are inherited descriptors. On CONTROL the scheduler writes ``g`` (run the command now),
``t`` (end it: TERM, then KILL after GRACE seconds) and ``k`` (KILL at once); its end of file means that the
scheduler is gone, which ends the tree too. On STATUS one line comes back: ``exit N``, ``signal N`` or
``refused ERRNO``, and a second one, ``left N``: how many processes could not be ended.

On Linux the supervisor is a subreaper: descendants whose parents ended become its children, also from
sessions of their own, so that none can leave the tree. Elsewhere only the process group of the command is
ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_AFTER_KILL = 10.0
_LINUX = sys.platform == "linux"


def main(argv: list[str]) -> int:
    """Supervise one command; answers its exit code, as a shell would."""
    control, status, scheduler, grace = int(argv[1]), int(argv[2]), int(argv[3]), float(argv[4])
    for own in (control, status):
        os.set_inheritable(own, False)
    # A scheduler that waits for its signals in a thread blocks them, and a blocked TERM would end nothing.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    prctl = _prctl() if _LINUX else None
    if prctl is not None:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    wake = _wake_on_signals()
    # A death before prctl was asked for sends no signal: look who the parent is now.
    if not _may_go(control, wake) or os.getppid() != scheduler:
        with contextlib.suppress(OSError):
            os.write(status, b"unused 0\n")
        return 0
    if argv[5] == "0":
        # Python itself sets this one in a C locale; the command was not meant to get it.
        os.environ.pop("LC_CTYPE", None)
    child = _start(argv[6], argv[7:], status, prctl)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        # Held open here, the pipes would not end when the command and its descendants are gone.
        os.dup2(nowhere, stream)
    tree = _Tree(child)
    hurry = _watch(tree, control, wake)
    tree.end(0.0 if hurry else grace, control)
    _say(status, tree)
    code = tree.code or 0
    return os.waitstatus_to_exitcode(code) if os.WIFEXITED(code) else 128 + os.WTERMSIG(code)


class _Tree:
    """The command and what came out of it."""

    def __init__(self, child: int) -> None:
        self.child = child
        self.code: int | None = None
        self.left = 0

    def reap(self) -> bool:
        """Collect the dead; answers whether any child is left."""
        while True:
            try:
                pid, code = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                self.code = code

    def end(self, grace: float, control: int) -> None:
        """End everything that is left: TERM, then KILL until nothing is there, for at most 10 s."""
        if not self.reap() and not self._group_lives():
            return
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        until = time.monotonic() + grace
        while self._lives() and (left := until - time.monotonic()) > 0:
            if _told(control, min(left, 0.02)) == b"k":
                break
        until = time.monotonic() + _AFTER_KILL
        while self._lives() and time.monotonic() < until:
            # Again and again: what forks while it is looked for shows up in the next look.
            self._signal(signal.SIGKILL)
            time.sleep(0.005)
        self.left = len(self._members()) if self._lives() else 0

    def _lives(self) -> bool:
        return self.reap() or self._group_lives()

    def _group_lives(self) -> bool:
        if _LINUX:
            return False
        try:
            os.killpg(self.child, 0)
        except OSError:
            return False
        return True

    def _members(self) -> list[int]:
        return _descendants(os.getpid()) if _LINUX else [self.child]

    def _signal(self, number: int) -> None:
        if self.code is None or not _LINUX:
            # Once it was collected, its number may be given to a stranger; its descendants are found below.
            with contextlib.suppress(OSError):
                os.killpg(self.child, number)
        if _LINUX:
            for pid in self._members():
                with contextlib.suppress(OSError):
                    os.kill(pid, number)


def _ready(*descriptors: int, wait: float | None = None) -> list[int]:
    """Those that can be read; waits so many seconds for one. With the numbers that they have in a process of very many
    files ``select`` cannot wait."""
    waiting = select.poll()
    for descriptor in descriptors:
        waiting.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in waiting.poll(None if wait is None else wait * 1000)]


def _may_go(control: int, wake: int) -> bool:
    """Wait for the word to run the command; anything else means that it is not wanted any more."""
    ready = _ready(control, wake)
    return wake not in ready and os.read(control, 1) == b"g"


def _watch(tree: _Tree, control: int, wake: int) -> bool:
    """Wait until the command ended or is to be ended; answers whether that must be at once."""
    while True:
        tree.reap()
        if tree.code is not None:
            return False
        ready = _ready(control, wake)
        if wake in ready:
            signals = os.read(wake, 64)
            if signal.SIGTERM in signals or signal.SIGINT in signals or signal.SIGHUP in signals:
                tree.reap()
                return False
        if control in ready:
            return os.read(control, 1) == b"k"


def _told(control: int, wait: float) -> bytes:
    """A further order, waiting so long for one."""
    if _ready(control, wait=wait):
        order = os.read(control, 1)
        if order:
            return order
        # At its end of file the pipe is readable for ever, and waiting on it would spin.
        time.sleep(wait)
    return b""


def _start(program: str, argv: list[str], status: int, prctl: Callable[[int, int], None] | None) -> int:
    supervisor = os.getpid()
    child = os.fork()
    if child:
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        return child
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
            if os.getppid() != supervisor:
                os._exit(127)
        if _LINUX:
            _be_taken_first()
        signal.set_wakeup_fd(-1)
        for name in ("SIGPIPE", "SIGXFSZ", "SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        os.execv(program, argv)  # noqa: S606
    except OSError as error:
        os.write(status, f"refused {error.errno or 0}\n".encode())
    finally:
        os._exit(127)


def _be_taken_first() -> None:
    """Where the machine runs out of memory, the kernel is to end the command, not the scheduler."""
    with contextlib.suppress(OSError):
        with open("/proc/self/oom_score_adj") as file:  # noqa: PTH123
            score = int(file.read())
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
            file.write(str(min(score + 500, 1000)))


def _say(status: int, tree: _Tree) -> None:
    code = tree.code
    if code is None:
        text = "unknown 0"
    elif os.WIFSIGNALED(code):
        text = f"signal {os.WTERMSIG(code)}"
    else:
        text = f"exit {os.waitstatus_to_exitcode(code)}"
    with contextlib.suppress(OSError):
        os.write(status, f"{text}\nleft {tree.left}\n".encode())


def _wake_on_signals() -> int:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    return reading


def _prctl() -> Callable[[int, int], None] | None:
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
    except (ImportError, OSError):
        return None
    unsigned = ctypes.c_ulong

    def call(option: int, value: int) -> None:
        libc.prctl(option, unsigned(value), unsigned(0), unsigned(0), unsigned(0))

    return call


def _descendants(root: int) -> list[int]:
    """Every living process below ``root``, parents before children; zombies are dead already."""
    children: dict[int, list[int]] = {}
    dead = set()
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs 10 ms of every start
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    # The name of a program may hold blanks and brackets: count from the last bracket.
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except (OSError, ValueError):
                continue
            children.setdefault(int(parent), []).append(int(name))
            if state in (b"Z", b"X"):
                dead.add(int(name))
    found: list[int] = []
    line = [root]
    while line:
        below = children.get(line.pop(0), [])
        line.extend(below)
        found.extend(pid for pid in below if pid not in dead)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv))
