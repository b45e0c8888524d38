"""`/v1/processors`: which processors there are, and what they ask of each product: their credentials.

1. A credential comes in and never goes out: answers have its name, when it was set, by which key.
2. All of a product's credentials for a processor are set at once: no call sees half of them.
3. Setting and erasing them is in the audit by the transaction that does it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from gateway.access.clients import Access
from gateway.audit import Action, Entry
from gateway.control.caller import Caller, needs
from gateway.control.document import body, refusals
from gateway.control.idempotency import ONCE, InFlight
from gateway.errors import (
    IdempotencyKeyReused,
    MessageMalformed,
    ProcessorUnknown,
    ProductNotPermitted,
    ProductUnknown,
    RecordDamaged,
    RequestInProgress,
    RequestInvalid,
)
from gateway.processors.parts import Parts
from gateway.processors.rules import ProcessorRules
from gateway.recapture.reading import parse
from gateway.secret import Secret
from gateway.vault.credentials import CredentialTable, SetCredentials

ROUTE: Final = "control/processors"  # in the audit
_NOTHING: Final = Secret(b"")
_LONGEST: Final = 4096  # characters of a credential

MayRead = Annotated[Caller, Depends(needs("charges", "admin"))]
MaySet = Annotated[Caller, Depends(needs("admin"))]
ProductName = Annotated[str, Query(description="A product of gateway.yaml.", max_length=64)]
_CREDENTIALS: Final[dict[str, Any]] = {  # Any: a JSON schema
    "type": "object",
    "description": "Every credential that the processor's file names, and no other.",
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": _LONGEST},
}
_PRODUCT: Final = (ProductUnknown, ProductNotPermitted)
_SET: Final = (ProcessorUnknown, *_PRODUCT, RequestInProgress, IdempotencyKeyReused, RecordDamaged)


class ShownCredentials(BaseModel):
    """What is told of them. `names` are those that are set."""

    product: str
    processor: str
    names: list[str]
    set_at: datetime | None
    set_by: str | None


class ShownProcessor(BaseModel):
    """A processor; `credentials` are the names that it needs, `products` those that it charges for."""

    name: str
    about: str
    operations: list[str]
    credentials: list[str]
    products: list[str]
    set: list[ShownCredentials]


class ListedProcessors(BaseModel):
    """By name."""

    processors: list[ShownProcessor]


class ProcessorCalls:
    """Their router; for `gateway.control.api.mount`."""

    def __init__(
        self,
        parts: Parts,
        credentials: CredentialTable,
        access: Access,
        clock: Callable[[], datetime],
    ) -> None:
        self._parts, self._credentials = parts, credentials
        self._access, self._clock = access, clock
        self._in_flight = InFlight()
        self.router = APIRouter(prefix="/processors", tags=["processors"])
        add = self.router.add_api_route
        add("", self.listed, methods=["GET"], summary="The processors", responses=refusals())
        add("/{name}/credentials", self.shown, methods=["GET"],
            summary="Which credentials are set",
            responses=refusals(ProcessorUnknown, *_PRODUCT))  # fmt: skip
        add("/{name}/credentials", self.put, methods=["PUT"], response_model=ShownCredentials,
            summary="Set a product's credentials", openapi_extra=ONCE | body(_CREDENTIALS),
            responses=refusals(*_SET))  # fmt: skip
        add("/{name}/credentials", self.erase, methods=["DELETE"], status_code=204,
            summary="Erase a product's credentials", openapi_extra=ONCE,
            responses=refusals(*_SET))  # fmt: skip

    async def listed(self, caller: MayRead) -> ListedProcessors:
        """Every processor, with those of the key's products that use it or have credentials for it."""
        products = self._products(caller)
        found = await self._credentials.listed(products)
        current = self._parts.files.current
        return ListedProcessors(
            processors=[self._processor(current[name], products, found) for name in sorted(current)]
        )

    async def shown(self, caller: MaySet, name: str, product: ProductName) -> ShownCredentials:
        """The names of the credentials that are set, since when, by which key; never a value."""
        rules = self._rules(name)
        self._check_product(caller, product)
        for row in await self._credentials.listed({product}):
            if row.processor == rules.name:
                return _shown(row)
        return ShownCredentials(
            product=product, processor=rules.name, names=[], set_at=None, set_by=None
        )

    async def put(
        self, caller: MaySet, request: Request, name: str, product: ProductName
    ) -> Response:
        """Sets all of them, in the place of those before. Calls under way keep the old ones, the next
        take the new.
        """
        rules = self._rules(name)
        self._check_product(caller, product)
        values, said = read_credentials(await request.body(), rules.credentials)
        entry = self._entry(caller, product, rules.name)
        with self._in_flight.once(request, caller.client, self._products(caller), said) as once:
            answer = await self._credentials.put(
                product,
                rules.name,
                values,
                entry=entry,
                once=once,
                answer=lambda row: _shown(row).model_dump_json().encode(),
            )
        return Response(answer, 200, media_type="application/json")

    async def erase(
        self, caller: MaySet, request: Request, name: str, product: ProductName
    ) -> Response:
        """Erases all of them: nothing is charged, captured or given back there any more. Those of a
        processor that has no file any more, too.
        """
        self._check_product(caller, product)
        if name not in self._parts.files.current and not await self._has(name, product):
            raise ProcessorUnknown
        entry = replace(self._entry(caller, product, name), action=Action.CREDENTIALS_ERASE)
        with self._in_flight.once(request, caller.client, self._products(caller), _NOTHING) as once:
            await self._credentials.erase(product, name, entry, once)
        return Response(status_code=204)

    # --- inside -----------------------------------------------------------------------------------

    def _processor(
        self, rules: ProcessorRules, products: Collection[str], rows: Collection[SetCredentials]
    ) -> ShownProcessor:
        used = [product for product, name in self._parts.used.items() if name == rules.name]
        return ShownProcessor(
            name=rules.name,
            about=rules.about,
            operations=sorted(operation.value for operation in rules.operations),
            credentials=list(rules.credentials),
            products=sorted(set(used) & set(products)),
            set=[_shown(row) for row in rows if row.processor == rules.name],
        )

    def _rules(self, name: str) -> ProcessorRules:
        rules = self._parts.files.current.get(name)
        if rules is None:
            raise ProcessorUnknown
        return rules

    async def _has(self, name: str, product: str) -> bool:
        return any(row.processor == name for row in await self._credentials.listed({product}))

    def _products(self, caller: Caller) -> frozenset[str]:
        return self._access.products_of(caller.admission)

    def _check_product(self, caller: Caller, product: str) -> None:
        if product in self._products(caller):
            return
        # A key for some products is not told which others there are.
        raise ProductUnknown if caller.products is None else ProductNotPermitted

    def _entry(self, caller: Caller, product: str, processor: str) -> Entry:
        return replace(
            caller.intends(Action.CREDENTIALS, ROUTE, self._clock()),
            product=product,
            detail=processor,
        )


def read_credentials(
    body: bytes, names: Collection[str]
) -> tuple[dict[str, Secret[str]], Secret[bytes]]:
    """The values by name, and what an Idempotency-Key stands for. Raises RequestInvalid with what is
    wrong with which name."""
    said: Any = None  # what JSON may be
    with contextlib.suppress(MessageMalformed):
        said = parse(body)
    if not isinstance(said, dict):
        raise RequestInvalid([_wrong("", "not_a_json_object")])
    # The name of what should not be there was chosen by the caller.
    wrong = [_wrong("", "not_a_credential")] if said.keys() - set(names) else []
    for name in names:
        if name not in said:
            wrong.append(_wrong(name, "missing"))
        elif not _is_credential(said[name]):
            wrong.append(_wrong(name, "not_a_credential_value"))
    if wrong:
        raise RequestInvalid(wrong)
    values = {name: Secret(said[name]) for name in names}
    return values, Secret(json.dumps(said, sort_keys=True).encode("ascii"))


def _is_credential(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _LONGEST and value.isprintable()


def _wrong(name: str, problem: str) -> Mapping[str, str]:
    return {"in": "body", "name": name, "problem": problem}


def _shown(row: SetCredentials) -> ShownCredentials:
    return ShownCredentials(
        product=row.product,
        processor=row.processor,
        names=list(row.names),
        set_at=row.set_at,
        set_by=row.set_by,
    )
