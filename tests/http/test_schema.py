"""What the API says about itself holds: schemathesis asks it whatever the description allows, and what it forbids."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from pathlib import Path

import pytest

from tests.http.conftest import JOB, serving
from tests.outbox.conftest import Recorder
from tests.outbox.test_given_up import REFUSED

_CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,ignored_auth,unsupported_method"
)


@pytest.mark.timeout(300)
async def test_schemathesis_finds_no_server_error_and_no_breach(tmp_path: Path) -> None:
    async with serving(tmp_path, endpoints={"ops": Recorder(errors=deque([REFUSED]))}) as service:
        async with service.client() as client:
            await client.post("/api/v1/jobs", json=JOB)
            await client.post("/api/v1/jobs/report/run")
        # One letter that was given up, to be read and sent afresh.
        job_id = await service.plugin.create_job("told", "0 9 * * *", "p", agent="echo", notify="ops: success")
        await service.plugin.run_here(await service.plugin.run_job_now(job_id))
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{service.url}/openapi.json",
            *("--checks", _CHECKS, "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", os.environ.get("AGENTCRON_EXAMPLES", "2"), "--seed", "1", "--workers", "1"),
            *("--exclude-path", "/api/v1/events", "--no-color", "--continue-on-failure"),
            *("--header", f"Authorization: Bearer {service.secrets['admin']}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()[-8000:]
