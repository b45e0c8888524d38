"""A whole gateway, and its control API."""

from __future__ import annotations

from contextlib import contextmanager
from unittest import mock

import requests

from tests.running import Running


class Gateway(Running):
    def api(self, method, path, key, **more):
        """A call of the control API with this key."""
        url = "http://{}:{}{}".format(*self.addresses.control, path)
        with requests.Session() as session:
            session.trust_env = False
            headers = {"X-Api-Key": key} | more.pop("headers", {})
            return session.request(method, url, headers=headers, timeout=60, **more)

    @contextmanager
    def waiting(self, seconds):
        """A processor has no more than this to answer, meanwhile: for answers that never come. All
        others have the time that they need on a busy machine."""
        calls = self.worker.processors.processors._own._calls
        with mock.patch.object(calls, "_seconds", seconds):
            yield
