"""PAYCOMET's own pair is shown to nobody who did not ask PAYCOMET for it."""

from __future__ import annotations

from tests.e2e.test_paycomet_rest import Merchant, fresh, pair_of, sent


def test_no_answer_in_the_life_of_a_card_shows_paycomets_pair(gateway, sandbox):
    merchant, token = Merchant(gateway), fresh(gateway)
    ours = {"terminal": 1, **pair_of(token)}
    answers = []

    def call(path, body):
        answers.append(merchant.post(path, body))
        said = answers[-1].json()
        assert said["errorCode"] == 0, (path, said)
        return said

    def about(said, **more):
        bare = {"terminal": 1, "originalIp": "127.0.0.1", "authCode": said["authCode"], **more}
        return {"payment": bare}

    for path in ("/v1/payments", "/v1/payments/preauth", "/v1/payments/preauth"):
        answers.append(merchant.pay(token, path))
    paid, held, dropped = (answer.json() for answer in answers)
    for said in (paid, held, dropped):
        assert (said["idUser"], said["tokenUser"]) == (token.iduser, token.tokenuser)
        call(f"/v1/payments/{said['order']}/info", {"payment": {"terminal": 1}})
    money = {"amount": "2", "currency": "EUR"}
    call(f"/v1/payments/{paid['order']}/refund", about(paid, **money))
    call(f"/v1/payments/{paid['order']}/refund", about(paid, **money, **pair_of(token)))
    call(f"/v1/payments/{held['order']}/preauth/confirm", about(held, amount="202"))
    call(f"/v1/payments/{dropped['order']}/preauth/cancel", about(dropped, amount="202"))
    call("/v1/cards/info", ours)
    call("/v1/cards/delete", ours)
    merchant.session.close()

    theirs = sent(sandbox, "/v1/payments")[0]["payment"]
    assert theirs["tokenUser"] != token.tokenuser
    for answer in answers:
        assert theirs["tokenUser"] not in answer.text, answer.url
        assert str(theirs["idUser"]) not in answer.text, answer.url
