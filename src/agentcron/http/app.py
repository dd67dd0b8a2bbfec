"""The application: routes, what describes them, and how every error becomes a problem."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response

from agentcron._version import __version__
from agentcron.access import TokenFile
from agentcron.errors import AgentcronError, ConfigError
from agentcron.http import executions, inbox, jobs, outbox, schema, system
from agentcron.http.events import EventRing
from agentcron.http.guard import MAX_BODY, OPEN, Guard
from agentcron.http.metrics import Metrics
from agentcron.http.observed import ObservedStore
from agentcron.http.pages.book import ROUTERS
from agentcron.http.pages.routing import show_problem
from agentcron.http.pages.sessions import Sessions
from agentcron.http.problems import MEDIA_TYPE, Problem, problem_of
from agentcron.observability import get_logger
from agentcron.plugin import BackgroundJobsPlugin

API: Final = "/api/v1"
_DETAILS: Final = {404: "there is nothing here; /openapi.json lists the paths"}


def make_app(
    plugin: BackgroundJobsPlugin,
    tokens: TokenFile,
    *,
    hosts: Collection[str],
    scheduling: bool,
    doctor: Callable[[], list[dict[str, Any]]] = list,
) -> FastAPI:
    """The service over a plugin that was not used yet: its store is watched from the beginning."""
    store = ObservedStore(plugin.storage)
    plugin.storage = store
    service = system.Service(
        store=store,
        events=EventRing(),
        metrics=Metrics(store, lambda: _kinds(plugin)),
        doctor=doctor,
        scheduling=scheduling,
    )
    store.listeners += [service.events.listen, service.metrics.listen]

    mcp = _mcp(plugin)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with mcp.router.lifespan_context(mcp) if mcp is not None else nullcontext():
            yield
        service.events.close()

    app = FastAPI(
        title="agentcron", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan, redirect_slashes=False
    )
    app.state.plugin, app.state.service, app.state.sessions = plugin, service, Sessions(tokens)
    for router in (jobs.router, executions.router, inbox.router, outbox.router, system.router):
        app.include_router(router, prefix=API)
    if mcp is not None:
        app.router.routes.extend(mcp.routes)
    app.include_router(system.health)
    app.include_router(system.figures)
    for pages in ROUTERS:
        app.include_router(pages)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(AgentcronError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(Guard, tokens=tokens, sessions=app.state.sessions, hosts=hosts)
    return app


def _kinds(plugin: BackgroundJobsPlugin) -> dict[str, str]:
    try:
        return plugin.endpoints()
    except ConfigError:
        return {}  # told by the doctor; figures of all else are wanted the more


def _mcp(plugin: BackgroundJobsPlugin) -> Starlette | None:
    """The tools at /mcp; None where the package for them is not installed."""
    try:
        from agentcron.mcp_server import serving
    except ImportError:
        return None
    return serving.http_app(serving.make_server(plugin), MAX_BODY)


async def _problem(request: Request, error: Exception) -> Response:
    if isinstance(error, AgentcronError):
        error = problem_of(error)
    assert isinstance(error, Problem)
    return error.response()


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str)), "request")
    return Problem(422, f"{field}: {first['msg']}", field=field).response()


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = Problem(error.status_code, _DETAILS.get(error.status_code, str(error.detail)))
    problem.headers.update(error.headers or {})
    return await _answer(request, problem)


async def _unexpected(request: Request, error: Exception) -> Response:
    # What went wrong inside is for the log of the owner; a caller learns nothing of it.
    get_logger().error(f"{request.method} {request.url.path}: unexpected {error!r}")
    return await _answer(request, Problem(500, "something unexpected went wrong; the log of the server has it"))


async def _answer(request: Request, problem: Problem) -> Response:
    """A page for who is logged in with a browser, JSON for all others."""
    return await show_problem(request, problem) if hasattr(request.state, "session") else problem.response()


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        told = get_openapi(title=app.title, version=app.version, routes=app.routes)
        problem = {"description": "A problem", "content": {MEDIA_TYPE: {"schema": schema.ref("Problem")}}}
        # The framework's own shape of a refusal is never sent.
        kept = {name: one for name, one in told["components"]["schemas"].items() if "ValidationError" not in name}
        told["components"] = {
            "schemas": kept | schema.components(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        }
        for path, operations in told["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                if path not in OPEN:
                    operation["responses"] |= {"4XX": problem, "503": problem}
                    operation["security"] = [{"token": []}]
        app.openapi_schema = told
    return app.openapi_schema
