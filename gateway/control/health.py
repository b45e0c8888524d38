"""What the control and the metrics port answer: is the process alive, may it be sent traffic, how much
does it do? No answer holds anything of the request (P16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel

from gateway import __version__
from gateway.errors import GatewayError, VaultClosed, VaultSealed


class Ready(BaseModel):
    """Of each check `ok`, or the code of its failure; `why`: what else is known of one, in our words."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]
    why: dict[str, str] = {}


def build(
    checks: dict[str, Callable[[], None]], known: dict[str, Callable[[], str]] | None = None
) -> FastAPI:
    """The control application. Each check returns, or raises the `GatewayError` that explains it. What
    is `known` besides is told in `why` where it is not empty, and keeps no traffic away.

    `/healthz` answers as long as the event loop turns: a hung worker does not answer (P38).
    `/readyz` answers 200 with every check `ok`, else 503 with the code of each that failed.
    """
    app = _application("control", openapi_url="/openapi.json")

    @app.get("/healthz", summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/readyz",
        summary="Whether it may be sent traffic",
        response_model=Ready,
        responses={503: {"model": Ready, "description": "A check failed."}},
    )
    def readyz() -> JSONResponse:  # a plain function: checks may block, so it runs in a thread
        results: dict[str, str] = {}
        why: dict[str, str] = {}
        for name, check in checks.items():
            try:
                check()
                results[name] = "ok"
            except GatewayError as error:
                results[name] = error.code
                if isinstance(error, VaultSealed):
                    why[name] = error.problem.message
                elif isinstance(error, VaultClosed):
                    why[name] = error.why
        for name, tell in (known or {}).items():
            if said := tell():
                why[name] = said
        ready = all(result == "ok" for result in results.values())
        found = Ready(status="ready" if ready else "not ready", checks=results, why=why)
        return JSONResponse(
            found.model_dump(exclude_defaults=True), status_code=200 if ready else 503
        )

    return app


def metrics(registry: CollectorRegistry) -> FastAPI:
    """The metrics application: `/metrics`, always all of them in Prometheus' text format.

    (prometheus_client's own server makes a thread for each connection, however many there are, and
    quotes malformed requests in its error page.)
    """
    app = _application("metrics")

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return app


def _application(title: str, openapi_url: str | None = None) -> FastAPI:
    """Without FastAPI's own pages, and without its redirects, which repeat host and query."""
    return FastAPI(
        title=f"card-gateway {title}",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=openapi_url,
        redirect_slashes=False,
    )
