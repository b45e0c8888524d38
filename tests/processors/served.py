"""A whole gateway, and its control API."""

from __future__ import annotations

import requests

from tests.running import Running


class Gateway(Running):
    def api(self, method, path, key, **more):
        """A call of the control API with this key."""
        url = "http://{}:{}{}".format(*self.addresses.control, path)
        with requests.Session() as session:
            session.trust_env = False
            headers = {"X-Api-Key": key} | more.pop("headers", {})
            return session.request(method, url, headers=headers, timeout=10, **more)
