"""PAYCOMET's error codes that the simulator answers, and the exception that carries one.

Numbers and their meaning: PAYCOMET's published list of error codes. Which of them an operation
answers is said by no list; where a public client shows it, the comment names that client.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """`errorCode` of an answer. 0 is success."""

    NO_ERROR = 0
    # the issuer's
    CARD_EXPIRED = 100
    NOT_ALLOWED_FOR_CARD = 102
    INSUFFICIENT_FUNDS = 105
    WRONG_CVC = 111
    CARD_LOST = 120
    ORIGINAL_NOT_FOUND = (
        130  # a refund of an unknown order or authCode: ActiveMerchant's remote test
    )
    WRONG_CURRENCY = 132
    DATA_NOT_FOUND = 153
    AUTHENTICATION_CANCELLED = 184
    NEEDS_SCA = 195
    ALREADY_CANCELLED = 504
    ORIGINALLY_DENIED = 505
    STILL_IN_PROCESS = 508
    CANNOT_REFUND = 510
    CANNOT_CANCEL = 538
    # PAYCOMET's own
    CARD_NOT_FOUND = 1001  # cards/info of an unknown pair: PAYCOMET's WooCommerce module
    FORBIDDEN = 1004
    PREAUTHORISATION_NOT_FOUND = 1008  # capture of an unknown one: ActiveMerchant's remote test
    NO_SUCH_RESOURCE = 1015
    BAD_POST = 1017
    DUPLICATE_ORDER = 1026
    REFUND_TOO_HIGH = 1027
    NO_RIGHTS = 1031
    BAD_AMOUNT = 1038
    BAD_ORDER = 1039
    BAD_CURRENCY = 1041
    BAD_PAN = 1042
    BAD_CVC = 1043
    BAD_TERMINAL = 1045
    BAD_EXPIRY = 1046
    BAD_IP = 1048
    ABOVE_PREAUTHORISATION = 1050
    WRONG_JET_TOKEN = 1204  # cards with a wrong jetToken: a public Java client's test
    DUPLICATE_PENDING_ORDER = 1248
    BAD_SCORING = 1277
    BAD_MONTH = 1281
    BAD_YEAR = 1282
    BAD_CVC_FORMAT = 1283
    BAD_USER_INTERACTION = 1324
    CHALLENGE_WITHOUT_USER = 1325
    TOO_MANY_REQUESTS = 1332
    NO_SUCH_METHOD = 1340
    MIT_WITHOUT_TYPE = 1361

    @property
    def told(self) -> str:
        """The code in words, of ours: `card not found`."""
        return self.name.lower().replace("_", " ")


class PaycometError(Exception):
    """An answer that is no success: HTTP status, code, and the names of the fields at fault.

    A status of 422 says in `error` which fields were missing or of the wrong JSON type.
    """

    def __init__(self, code: Code, *, status: int = 200, fields: tuple[str, ...] = ()) -> None:
        super().__init__(code.told)
        self.code, self.status, self.fields = code, status, fields

    @property
    def body(self) -> dict[str, object]:
        """The answer's JSON."""
        body: dict[str, object] = {"errorCode": int(self.code)}
        if self.status == 422:
            body["error"] = {"message": "Unprocessable Entity", "detail": list(self.fields)}
        return body
