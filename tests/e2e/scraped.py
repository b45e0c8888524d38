"""A real Prometheus that scrapes a gateway, configured as docs/operating.md shows it."""

from __future__ import annotations

import json
import re

import requests
import yaml

from tests.e2e.process import until
from tests.kept import Kept
from tests.ports import free_port
from tests.promtool import prometheus
from tests.test_docs import ROOT, blocks

ALERTS = ROOT / "deploy" / "alerts.yml"
_OFTEN = "200ms"  # instead of a minute: what the documents leave to Prometheus
_STARTING = 30  # seconds


def documented():
    """The configuration that the documents show, as plain data."""
    (text,) = (one for one in blocks(ROOT / "docs/operating.md", "yaml") if "scrape_configs" in one)
    return yaml.safe_load(text)


class Prometheus:
    """Scrapes the port `metrics` of a gateway on this machine; its alerts are those that are shipped."""

    def __init__(self, directory, metrics) -> None:
        directory.mkdir()
        settings = documented()
        (job,) = settings["scrape_configs"]
        (group,) = job["static_configs"]
        assert group["targets"] == ["127.0.0.1:9108"]  # as `listen:` has it where it says nothing
        group["targets"] = [f"127.0.0.1:{metrics}"]
        settings["rule_files"] = [str(ALERTS)]
        settings["global"] = {"scrape_interval": _OFTEN, "scrape_timeout": _OFTEN, "evaluation_interval": _OFTEN}  # fmt: skip
        file, self.log = directory / "prometheus.yml", directory / "log"
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [
            prometheus(), f"--config.file={file}", f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
        ]  # fmt: skip
        self._kept = Kept(command, directory, self.log, stop="SIGTERM", end="SIGKILL")
        self._kept.start()
        if until(_STARTING, self._is_ready) is None:
            raise AssertionError(self.log.read_text())

    def close(self) -> None:
        self._kept.close()

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def asked(self, path, **query):
        """What its HTTP API answers."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=query, timeout=20).json()
        assert answer["status"] == "success", json.dumps(answer)
        return answer["data"]

    def target(self):
        """How it sees the gateway."""
        (target,) = self.asked("targets")["activeTargets"]
        return target

    def alerts(self):
        """Alert → its states (`pending`, `firing`)."""
        found = {}
        for one in self.asked("alerts")["alerts"]:
            found.setdefault(one["labels"]["alertname"], set()).add(one["state"])
        return found

    def series(self):
        """The labels of each series that it took from the gateway, with its name; nothing that it made."""
        found = self.asked("series", **{"match[]": '{__name__=~"card_gateway_.*"}'})
        return [
            {name: one[name] for name in one if name not in {"instance", "job"}} for one in found
        ]

    def value(self, query):
        """The value of the one sample that a query finds; None where there is none."""
        samples = self.asked("query", query=query)["result"]
        assert len(samples) < 2, samples
        return float(samples[0]["value"][1]) if samples else None


def family(name):
    """The metric that a series' name belongs to. Of what counts, `_created` says since when."""
    if name.endswith("_created"):
        bare = name.removesuffix("_created")
        return bare if bare.endswith("_seconds") else f"{bare}_total"
    return re.sub(r"_(bucket|sum|count)$", "", name)
