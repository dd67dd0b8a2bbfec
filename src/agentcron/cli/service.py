"""Commands that keep the scheduler running: a systemd unit of the user, written, removed and looked at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agentcron.cli.service_unit import MARK, Unit
from agentcron.cli.session import Session, command
from agentcron.errors import ConflictError, NotAllowedError, NotFoundError

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin

_ASK_WITHIN: Final = 5.0
_NAME: Final = "agentcron"


@click.group("service")
def service_command() -> None:
    """Keep the scheduler running: started at boot, watched, started again when it dies.

    Example: agentcron service install --user
    """


def _of_user(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--name", default=_NAME, show_default=True, help="What to call the unit."),
        click.option("--user", is_flag=True, required=True, help="A unit of yours, without root; the only kind."),
    ):
        function = option(function)
    return function


@command("install")
@_of_user
@click.option("--serve", is_flag=True, help="Run 'agentcron serve', with dashboard and HTTP, instead of 'start'.")
@click.option("--port", type=click.IntRange(1, 65535), help="With --serve: where it listens on this machine.")
@click.option("--dry-run", is_flag=True, help="Print the unit and write nothing.")
def service_install_command(
    session: Session, user: bool, name: str, serve: bool, port: int | None, dry_run: bool
) -> None:
    """Write a systemd unit that runs the jobs of this folder, or of --config and --store, for good.

    Nothing is started: the commands to do so are printed.

    Example: agentcron service install --user --dry-run
    """
    if port is not None and not serve:
        raise click.UsageError("--port goes with --serve")
    text = _unit(session, name, serve, port).text()
    path = _path(name)
    if dry_run:
        session.emit({"path": str(path), "unit": text}, text.rstrip("\n"))
        return
    if sys.platform != "linux":
        raise NotAllowedError("systemd is of Linux; keep 'agentcron start' running by other means here")
    if path.exists() and not _is_ours(path):
        raise ConflictError(f"{path} was not written by this command; choose another --name, or remove it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    following = ["systemctl --user daemon-reload", f"systemctl --user enable --now {name}"]
    if not _lingers():
        following.append(
            f"loginctl enable-linger {os.environ.get('USER') or os.getuid()}   # runs without you logged in"
        )
    environment = _environment_file(name)
    hint = "" if environment.exists() else f"\nkeys of providers go into {environment} (NAME=value a line, mode 600)"
    _tell(session, path, following, f"wrote {path}{hint}")


@command("uninstall")
@_of_user
def service_uninstall_command(session: Session, user: bool, name: str) -> None:
    """Remove the unit. One that runs goes on until it is stopped: the commands are printed.

    Example: agentcron service uninstall --user
    """
    path = _path(name)
    if not path.exists():
        raise NotFoundError(f"{path} does not exist; nothing was removed")
    if not _is_ours(path):
        raise ConflictError(f"{path} was not written by this command; remove it yourself")
    path.unlink()
    # What 'enable' made; without the unit systemctl would not find it any more.
    (path.parent / "default.target.wants" / path.name).unlink(missing_ok=True)
    following = [f"systemctl --user stop {name}", "systemctl --user daemon-reload"]
    _tell(session, path, following, f"removed {path}")


@command("status")
@_of_user
def service_status_command(session: Session, user: bool, name: str) -> None:
    """Whether the unit is written, what systemd says of it, and whether anything runs the jobs of this store.

    Example: agentcron service status --user
    """
    path = _path(name)
    written = path.exists()

    async def work(plugin: BackgroundJobsPlugin) -> list[dict[str, Any]]:
        return [
            {"host": node.host, "pid": node.pid, "since": node.started_at.isoformat(timespec="seconds")}
            for node in await plugin.get_nodes()
            if node.alive
        ]

    alive = session.call(work)
    state = _ask_systemd(name) if written else None
    told = [
        f"unit: {path}" if written else f"unit: none at {path}; write one with 'agentcron service install --user'",
        f"systemd: {state or 'does not say'}" if written else "",
        *(f"scheduler: pid {node['pid']} on {node['host']} since {node['since']}" for node in alive),
        "" if alive else f"scheduler: none runs the jobs of {session.config.store.value}",
    ]
    session.emit(
        {"path": str(path), "written": written, "systemd": state, "schedulers": alive}, "\n".join(filter(None, told))
    )


def _unit(session: Session, name: str, serve: bool, port: int | None) -> Unit:
    config = session.config
    program = [sys.executable, "-m", "agentcron", "serve" if serve else "start"]
    if config.file is not None:
        program += ["--config", str(config.file)]
    if session.store is not None:
        program += ["--store", session.store if "://" in session.store else str(Path(session.store).absolute())]
    if port is not None:
        program += ["--port", str(port)]
    return Unit(
        program=program,
        folder=str(config.base_dir.absolute()),
        path=os.environ.get("PATH", os.defpath),
        environment_file=str(_environment_file(name)),
        stop_grace=config.stop_grace.value,
    )


def _path(name: str) -> Path:
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise click.UsageError(f"--name {name!r} is no name of a unit; use letters, digits, - and _")
    return _config_home() / "systemd" / "user" / f"{name}.service"


def _environment_file(name: str) -> Path:
    return _config_home() / "agentcron" / f"{name}.env"


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _is_ours(path: Path) -> bool:
    return path.read_text("utf-8", "replace").startswith(MARK)


def _lingers() -> bool:
    """Whether the user's services run while the user is not logged in."""
    user = os.environ.get("USER") or ""
    return bool(user) and (Path("/var/lib/systemd/linger") / user).exists()


def _ask_systemd(name: str) -> str | None:
    """``active``, ``failed`` or the like; None where no manager of the user answers."""
    program = shutil.which("systemctl")
    if program is None:
        return None
    try:
        asked = subprocess.run(
            [program, "--user", "is-active", f"{name}.service"],
            capture_output=True,
            text=True,
            timeout=_ASK_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None


def _tell(session: Session, path: Path, following: list[str], done: str) -> None:
    lines = [done, "next:", *(f"  {line}" for line in following)]
    session.emit({"path": str(path), "next": following}, "\n".join(lines))


for _made in (service_install_command, service_uninstall_command, service_status_command):
    service_command.add_command(_made)
