"""Whether ``agentcron serve`` can listen where it does when nothing else is said."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

from agentcron.cli.doctor import Finding
from agentcron.cli.serve import PORT

_HOST = "127.0.0.1"


def port_findings(port: int = PORT) -> Iterator[Finding]:
    """Free, served by agentcron, or taken by another program."""
    where = f"{_HOST}:{port}"
    try:
        connection = http.client.HTTPConnection(_HOST, port, timeout=2)
        connection.request("GET", "/healthz")
        ours = json.loads(connection.getresponse().read(1000)) == {"status": "ok"}
        connection.close()
    except ConnectionRefusedError:
        yield Finding(check="port", verdict="ok", detail=f"{where} is free for agentcron serve", where=where)
        return
    except (OSError, ValueError, http.client.HTTPException):
        ours = False
    if ours:
        yield Finding(check="port", verdict="ok", detail=f"agentcron serves {where}", where=where)
    else:
        detail, fix = f"{where} is taken by another program", "agentcron serve --port N"
        yield Finding(check="port", verdict="warn", detail=detail, fix=fix, where=where)
