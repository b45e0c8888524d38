"""Everything that the products' processors are made of, wired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config import Config
from gateway.exchange import Authority
from gateway.metrics import Metrics
from gateway.own_exchange import Calls, OwnExchanges
from gateway.pipeline import Pipeline
from gateway.processors.customers import Customers
from gateway.processors.load import ProcessorFiles, used_in
from gateway.processors.processor import FileProcessor, Product
from gateway.processors.values import Merchant
from gateway.rules.watch import Rules
from gateway.stages.opening import Opening
from gateway.vault.service import Vault


class ProductProcessors:
    """The `Processors` of gateway.yaml. Each call sees the files that are in force then."""

    def __init__(
        self,
        files: ProcessorFiles,
        used: Mapping[str, str],
        products: Mapping[str, Product],
        *,
        own: OwnExchanges,
        customers: Customers,
        vault: Vault,
        metrics: Metrics,
    ) -> None:
        self._files, self._used, self._products = files, used, products
        self._own, self._customers, self._vault = own, customers, vault
        self._metrics = metrics

    def of(self, product: str) -> FileProcessor | None:
        """The product's, or None where gateway.yaml names none."""
        name = self._used.get(product)
        return None if name is None else self.named(product, name)

    def want(self, product: str, place: str) -> bool:
        """Whether the product's processor takes no charge without a value in this place of an order
        (`extra.zip`). False where it has none.
        """
        processor = self.of(product)
        return processor is not None and processor.wants(place)

    def named(self, product: str, name: str) -> FileProcessor | None:
        """One that the product has now or had before; None where there is no file for it."""
        known, rules = self._products.get(product), self._files.current.get(name)
        if known is None or rules is None:
            return None
        return FileProcessor(
            rules,
            known,
            own=self._own,
            customers=self._customers,
            credentials=self._vault.credentials,
            metrics=self._metrics,
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """What others use of it. `used`: product → the name of its processor."""

    files: ProcessorFiles
    processors: ProductProcessors
    used: Mapping[str, str]


def load(config: Config, rules: Rules) -> ProcessorFiles:
    """The files beside the packs. Raises ConfigurationError for a mistake in one, and where the packs
    have no route for one that a product uses."""
    return ProcessorFiles(config.rules, used_in(config), rules.matcher)


def build(
    config: Config,
    files: ProcessorFiles,
    *,
    pipeline: Pipeline,
    calls: Calls,
    vault: Vault,
    opening: Opening,
    wait_seconds: float,
    metrics: Metrics,
) -> Parts:
    """`calls` makes the calls, `wait_seconds` is how long one may wait for another's."""
    used, stand_ins = used_in(config), _stand_ins(config)
    products = {
        name: Product(
            name,
            Merchant(product.merchant_code, product.terminal),
            stand_ins if product.mode == "test" else {},
        )
        for name, product in config.products.items()
    }
    own = OwnExchanges(pipeline, calls)
    customers = Customers(own=own, vault=vault, opening=opening, wait_seconds=wait_seconds)
    processors = ProductProcessors(
        files, used, products, own=own, customers=customers, vault=vault, metrics=metrics
    )
    return Parts(files, processors, used)


def _stand_ins(config: Config) -> dict[str, Authority]:
    """Host → what takes its place for a test product: the first of `test_hosts:` that stands for it."""
    found: dict[str, Authority] = {}
    for target, host in config.test_hosts.items():
        found.setdefault(host.stands_for, Authority("https", target.host, target.port))
    return found
