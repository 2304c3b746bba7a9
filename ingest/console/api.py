"""The FastAPI application: health, metrics, sources and runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, HTTPException, Path, Query, Response
from fastapi.responses import PlainTextResponse

from ingest import reports
from ingest.console import health
from ingest.console.models import Accepted, Health, Problem, Readiness, RunLine, SourceLine
from ingest.errors import IngestError

if TYPE_CHECKING:
    from ingest.console.control import Control
    from ingest.console.metrics import Metrics
    from ingest.schedule import Standing

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
RunId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]

_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "Not known"}}
_BROKEN: dict[int | str, dict[str, Any]] = {503: {"model": Problem, "description": "No store"}}


def create_app(control: Control, metrics: Metrics) -> FastAPI:
    """The application over a daemon; who may ask it is `guard`'s business."""
    app = FastAPI(title="ingest", version="1", docs_url=None, redoc_url=None)
    app.include_router(_health(control, metrics))
    app.include_router(_sources(control), prefix="/api/v1")
    app.include_router(_runs(control), prefix="/api/v1")

    @app.exception_handler(IngestError)
    async def unavailable(_request: Any, error: IngestError) -> Response:
        body = Problem(detail=str(error)).model_dump_json()
        return Response(body, status_code=503, media_type="application/json")

    return app


def _health(control: Control, metrics: Metrics) -> APIRouter:
    router = APIRouter()
    since = datetime.now(UTC)

    @router.get("/healthz", responses={503: {"model": Health, "description": "Stuck"}})
    def healthz(response: Response) -> Health:
        """Whether the daemon lives and looks at its schedules."""
        stuck = control.silence() > health.STUCK_SECONDS
        response.status_code = 503 if stuck else 200
        return Health(status="stuck" if stuck else "ok")

    @router.get("/readyz", responses={503: {"model": Readiness, "description": "Not ready"}})
    def readyz(response: Response) -> Readiness:
        """Whether the store opens and every source keeps up with its schedule."""
        found = health.problems(control, since, datetime.now(UTC))
        response.status_code = 503 if found else 200
        return Readiness(ready=not found, problems=found)

    @router.get("/metrics", response_class=PlainTextResponse)
    def figures() -> Response:
        """Figures in the text format of Prometheus."""
        return PlainTextResponse(metrics.text())

    return router


def _lines(control: Control) -> list[SourceLine]:
    settings = control.settings
    if (settings.store / "catalog.db").exists():
        with reports.opened(settings) as store:
            known = reports.sources(store, settings)
    else:
        known = reports.sources(None, settings)
    standings = {each.name: each for each in control.standings()}
    return [_line(line, standings[line["name"]]) for line in known if line["name"] in standings]


def _accepted(name: str, *, known: bool, state: str) -> Accepted:
    if not known:
        raise HTTPException(404, f"there is no source {name!r}")
    return Accepted(name=name, state=state)


def _sources(control: Control) -> APIRouter:
    router = APIRouter(tags=["sources"])

    @router.get("/sources", responses=_BROKEN)
    def sources() -> list[SourceLine]:
        """Every configured source, with its schedule, its last run and its next."""
        return _lines(control)

    @router.get("/sources/{name}", responses={**_UNKNOWN, **_BROKEN})
    def source(name: Name) -> SourceLine:
        """One source."""
        for line in _lines(control):
            if line.name == name:
                return line
        raise HTTPException(404, f"there is no source {name!r}")

    @router.post("/sources/{name}/run", status_code=202, responses=_UNKNOWN)
    def run(name: Name) -> Accepted:
        """Run a source as soon as there is a slot, paused or not; once more if it runs now."""
        return _accepted(name, known=control.request(name), state="requested")

    @router.post("/sources/{name}/pause", responses={**_UNKNOWN, **_BROKEN})
    def pause(name: Name) -> Accepted:
        """Set a source's schedule aside, restarts of the daemon included."""
        return _accepted(name, known=control.pause(name, paused=True), state="paused")

    @router.post("/sources/{name}/resume", responses={**_UNKNOWN, **_BROKEN})
    def resume(name: Name) -> Accepted:
        """Go on with a source's schedule; what was missed is caught up with once."""
        return _accepted(name, known=control.pause(name, paused=False), state="resumed")

    return router


def _runs(control: Control) -> APIRouter:
    router = APIRouter(tags=["runs"])

    @router.get("/runs", responses=_BROKEN)
    def runs(limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> list[RunLine]:
        """The newest runs, newest first, with counts and errors."""
        if not (control.settings.store / "catalog.db").exists():
            return []
        with reports.opened(control.settings) as store:
            return [RunLine.model_validate(line) for line in reports.runs(store, limit)]

    @router.get("/runs/{run_id}", responses={**_UNKNOWN, **_BROKEN})
    def run(run_id: RunId) -> RunLine:
        """One run."""
        if (control.settings.store / "catalog.db").exists():
            with reports.opened(control.settings) as store:
                known = store.runs.named(run_id)
                if known is not None:
                    return RunLine.model_validate(reports.run_line(known))
        raise HTTPException(404, f"there is no run {run_id!r}")

    return router


def _line(line: dict[str, Any], standing: Standing) -> SourceLine:
    next_run = standing.next_run.isoformat(timespec="seconds") if standing.next_run else ""
    return SourceLine(
        **line,
        state=standing.state,
        paused=standing.paused,
        failures=standing.failures,
        next_run=next_run.replace("+00:00", "Z"),
    )
