"""The stream of events for pages: the same ring as the API's, for whoever has a session."""

from __future__ import annotations

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from agentcron.access import Scope
from agentcron.http.pages.routing import needs, pages
from agentcron.http.system import Service

router = pages()


@router.get("/live", **needs(Scope.READ))
async def live(request: Request) -> Response:
    """That something happened, as server-sent events; after ``Last-Event-ID`` it goes on."""
    service: Service = request.app.state.service
    service.events.check_room()
    stream = service.events.stream(request.headers.get("last-event-id"), hints=True)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
