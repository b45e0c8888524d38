"""Calls to the simulated PAYCOMET, as its description writes them; a test changes what it is about."""

from __future__ import annotations

NUMBER = "5445288852200883"  # of PAYCOMET's own test environment
CARD = {
    "terminal": 1,
    "pan": NUMBER,
    "expiryMonth": "05",
    "expiryYear": "30",
    "cvc2": "123",
    "cardHolderName": "Bruce Wayne",
}
PAYMENT = {
    "terminal": 1,
    "order": "PAY987654321",
    "amount": "202",
    "currency": "EUR",
    "methodId": "1",
    "originalIp": "127.0.0.1",
    "secure": 1,
}
AGAIN = {"terminal": 1, "amount": "202", "currency": "EUR", "originalIp": "127.0.0.1"}


def changed(level, **members):
    """`level` with members replaced; None takes one out."""
    made = level | members
    return {name: value for name, value in made.items() if value is not None}


class Merchant:
    """What a hotel's software does with PAYCOMET, over a real connection."""

    def __init__(self, client):
        self.client = client

    def post(self, path, body, **how):
        return self.client.post(path, json=body, **how)

    def said(self, path, body):
        """The answer's JSON; its status is 200."""
        answer = self.post(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def code(self, path, body):
        """The answer's code, which stands alone: a fault of the content."""
        said = self.said(path, body)
        assert set(said) == {"errorCode"}
        return said["errorCode"]

    def kept(self, **members):
        """The pair that a card is given."""
        said = self.said("/v1/cards", changed(CARD, **members))
        assert said.pop("errorCode") == 0
        return said

    def payment(self, pair, **members):
        return {"payment": changed(PAYMENT | pair, **members)}

    def paid(self, path="/v1/payments", **members):
        """The answer to a payment with a fresh card."""
        return self.said(path, self.payment(self.kept(), **members))

    def held(self, **members):
        return self.paid("/v1/payments/preauth", **members)

    def later(self, done, act, **members):
        """A call about an earlier payment, which is named as its answer named it."""
        about = {"payment": changed(AGAIN | {"authCode": done["authCode"]}, **members)}
        return self.said(f"/v1/payments/{done['order']}/{act}", about)
