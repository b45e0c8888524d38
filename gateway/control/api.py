"""The control API: what stands under `/v1`, each part a router of its own.

    api.mount(health.build(checks), access, [Exchanges(...).router, Cards(...).router])

A part asks for the scope that it needs (`caller.needs`); a valid key is asked for in any case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, Depends, FastAPI, Security

from gateway.access.clients import Access
from gateway.control import caller, document, problems, query
from gateway.control.border import Border

PREFIX: Final = "/v1"


def mount(app: FastAPI, access: Access, parts: Iterable[APIRouter]) -> FastAPI:
    """Puts the API into the control application, and gives that back."""
    caller.admit_by(app, access)
    problems.install(app)
    document.install(app)
    app.add_middleware(Border)
    schemes = [Security(scheme) for scheme in caller.SCHEMES]
    asked = [Depends(caller.authenticated), *schemes, Depends(query.known)]
    for part in parts:
        app.include_router(part, prefix=PREFIX, dependencies=asked)
    return app
