"""`/v1/viewers`: who may look at cards, who may say so, and what nobody is told."""

from __future__ import annotations

import pytest

from tests.control.serving import refused
from tests.vault.makers import rows
from tests.viewers.house import house, invitation


@pytest.fixture
def viewers(tmp_path):
    with house(tmp_path) as running:
        yield running


def lock(viewers, id, by):
    return viewers.call("POST", f"/viewers/{id}/lock", json={"by": by})


def audit(viewers):
    entries = [recorded.entry for recorded in viewers.vault.entries()]
    return [
        (e.action.value, e.outcome.value, e.subject, e.detail)
        for e in entries
        if e.action.value != "link_create"
    ]


def wrongs(answered):
    return {(one["name"], one["problem"]) for one in answered.json()["errors"]}


def test_a_viewer_is_invited_and_has_no_code(viewers):
    answered = viewers.invite(totp=True, may_copy=True)
    assert answered.status_code == 201
    said = answered.json()
    assert {name: said[name] for name in said if name not in {"created_at", "changed_at"}} == {
        "id": said["id"],
        "product": "seaside",
        "name": "Maria Rossi",
        "state": "invited",
        "role": "full",
        "may_copy": True,
        "totp": True,
        "tries_left": 5,
        "setup": said["setup"],
    }
    setup = said.pop("setup")
    assert setup["url"].startswith("https://localhost:")
    assert viewers.call("GET", f"/viewers/{said['id']}").json() == said
    assert viewers.call("GET", "/viewers").json() == {"viewers": [said]}
    assert viewers.call("GET", "/viewers?product=hilltop").json() == {"viewers": []}
    assert audit(viewers) == [("viewer_invite", "done", said["id"], "")]
    assert refused(viewers.invite(role="masked"), 409, "viewer_exists")
    assert viewers.invite(product="hilltop").status_code == 201


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Carl C", "carl c"),
        ("Zoë Straße", "ZOE\u0308 STRASSE"),
        ("\u0130dil", "i\u0307DIL"),
        ("Ångström", "\u212bngstro\u0308m"),
    ],
)
def test_p35_a_name_that_people_can_not_tell_from_anothers_is_taken(viewers, name, same):
    first = viewers.invite(name=name)
    assert first.status_code == 201
    assert first.json()["name"] == name  # kept as it was given
    assert refused(viewers.invite(name=same), 409, "viewer_exists")
    assert viewers.invite(name=same, product="hilltop").status_code == 201
    assert viewers.invite(name=name + "x").status_code == 201
    gone = viewers.call("DELETE", f"/viewers/{first.json()['id']}")
    assert gone.json()["state"] == "disabled"
    assert viewers.invite(name=same).status_code == 201


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, {("name", "missing"), ("role", "missing")}),
        (invitation(name="4111 1111 1111 1111"), {("name", "card_number")}),
        (invitation(name=" x"), {("name", "not_a_line")}),
        (invitation(role="admin"), {("role", "not_a_role")}),
        (invitation(totp="yes"), {("totp", "not_true_or_false")}),
        (invitation(may_copy=1), {("may_copy", "not_true_or_false")}),
        (invitation(role="masked", may_copy=True), {("may_copy", "nothing_to_copy")}),
        (invitation(code="sea-otter-42-blue"), {("", "unknown_field")}),
        ([], {("", "not_a_json_object")}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(viewers, said, wrong):
    answered = viewers.call("POST", "/viewers", json=said)
    assert refused(answered, 400, "request_invalid")
    assert wrongs(answered) == wrong
    assert audit(viewers) == []


def test_p35_another_active_viewer_of_the_product_locks(viewers):
    ana, ben = viewers.active(), viewers.active("Ben")
    far, new = viewers.active("Far", product="hilltop"), viewers.invite(name="New").json()["id"]
    for by in (ana, far, new, "vwr_" + "a" * 24):
        assert refused(lock(viewers, ana, by), 422, "second_person_required")
        assert audit(viewers)[-1] == (
            "viewer_lock", "refused", ana, "second_person_required",
        )  # fmt: skip
    answered = lock(viewers, ana, "Ben")
    assert refused(answered, 400, "request_invalid")
    assert wrongs(answered) == {("by", "not_a_viewer")}
    assert lock(viewers, ana, ben).json()["state"] == "locked"
    assert audit(viewers)[-1] == ("viewer_lock", "done", ana, f"by:{ben}")
    assert refused(lock(viewers, ben, ana), 422, "second_person_required")  # it is locked itself
    assert refused(lock(viewers, new, ben), 409, "viewer_not_ready")


def test_p35_whoever_leaves_is_disabled_at_once_and_does_not_come_back(viewers, tmp_path):
    ana, ben = viewers.active(), viewers.active("Ben")
    assert viewers.call("DELETE", f"/viewers/{ana}").json()["state"] == "disabled"
    with rows(tmp_path) as connection:
        query = "SELECT count(*) FROM viewer WHERE sealed IS NOT NULL"
        assert connection.execute(query).fetchone() == (1,)
    assert audit(viewers)[-1] == ("viewer_disable", "done", ana, "")
    for answered in (viewers.call("DELETE", f"/viewers/{ana}"), lock(viewers, ana, ben)):
        assert refused(answered, 409, "viewer_not_ready")
    assert viewers.invite().status_code == 201  # the name is free
    assert [one["state"] for one in viewers.call("GET", "/viewers").json()["viewers"]] == [
        "disabled", "active", "invited",
    ]  # fmt: skip


def test_p28_p06_anothers_viewer_can_not_be_told_from_none(viewers):
    ana, ben = viewers.active(), viewers.active("Ben")
    hilltop = viewers.control.key("reveal", products=("hilltop",))
    answers = set()
    for id in (ana, "vwr_" + "a" * 24, "x", "4111111111111111"):
        for method, path, more in (
            ("GET", "", {}),
            ("DELETE", "", {}),
            ("POST", "/lock", {"json": {"by": ben}}),
        ):
            answered = viewers.call(method, f"/viewers/{id}{path}", hilltop, **more)
            assert refused(answered, 404, "viewer_unknown")
            answers.add(answered.content)
    assert len(answers) == 1
    assert {row[2] for row in audit(viewers)} == {ana, ben, "vwr_" + "a" * 24}
    assert viewers.call("GET", "/viewers", key=hilltop).json() == {"viewers": []}
    assert viewers.call("GET", f"/viewers/{ana}").json()["state"] == "active"


def test_p28_without_the_scope_or_the_product_nothing_is_done(viewers):
    ana = viewers.active()
    before = audit(viewers)
    other = viewers.control.key("proxy", "detokenize", "cards", "charges", "admin", products=())
    for method, path in (("POST", ""), ("GET", ""), ("GET", f"/{ana}"), ("DELETE", f"/{ana}"),
                         ("POST", f"/{ana}/lock")):  # fmt: skip
        said = invitation(name="Eve")
        assert refused(
            viewers.call(method, f"/viewers{path}", other, json=said), 403, "scope_missing"
        )
        assert refused(viewers.control.call(method, f"/v1/viewers{path}"), 401, "key_required")
    hilltop = viewers.control.key("reveal", products=("hilltop",))
    assert refused(viewers.invite(hilltop), 403, "product_not_permitted")
    assert refused(viewers.invite(product="nobody"), 400, "product_unknown")
    assert audit(viewers) == before


def test_a_request_that_is_repeated_is_done_once(viewers):
    first = viewers.invite(once="k")
    again = viewers.invite(once="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert len(viewers.call("GET", "/viewers").json()["viewers"]) == 1
    answered = viewers.invite(once="k", name="Ben")
    assert refused(answered, 422, "idempotency_key_reused")
    id = first.json()["id"]
    for _ in range(2):
        assert viewers.call("DELETE", f"/viewers/{id}", once="d").json()["state"] == "disabled"


def test_p36_without_the_audit_nothing_is_changed(viewers, tmp_path):
    ana, ben = viewers.active(), viewers.active("Ben")
    with rows(tmp_path) as connection:
        connection.execute(
            "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    for answered in (
        viewers.invite(name="Eve"), lock(viewers, ana, ben), viewers.call("DELETE", f"/viewers/{ana}"),
    ):  # fmt: skip
        assert refused(answered, 503, "vault_unavailable")
    listed = viewers.call("GET", "/viewers").json()["viewers"]
    assert [one["state"] for one in listed] == ["active", "active"]
