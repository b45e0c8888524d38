"""`card-gateway check`: all problems at once, each with its place."""

from pathlib import Path

import pytest

from tests.pki import Authority


@pytest.fixture
def ready(run):
    run("certs", "init")
    return run


def test_all_is_well(ready):
    code, out, err = ready("check")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "✓ listens: proxy 127.0.0.1:8080, endpoints 127.0.0.1:8443, control 127.0.0.1:8081, metrics 127.0.0.1:9108",
        "✓ products: seaside (test), hilltop (test)",
        "✓ clients: pms; callers: channel-manager",
        "✓ rules: 1 routes of 1 packs: partner",
        f"✓ key-encryption key: file ({ready.state}/kek)",
    ]


def test_the_configuration_comes_first(ready):
    ready.config.write_text(ready.config.read_text() + "limit: { body: 1 MiB }\n")
    (ready.directory / "rules/partner.yaml").write_text("system: [")
    code, out, err = ready("check")
    assert code == 1
    assert err == f"{ready.config}:12:1: unknown key `limit`; did you mean `limits`?\n"
    assert out == f"1 problem in {ready.config}; the rules were not looked at.\n"


def test_all_problems_are_told_at_once(ready):
    ca = ready.state / "ca"
    (ready.directory / "rules/partner.yaml").write_text("system: partner\nabout: x\nroute: []\n")
    (ca / "mitmproxy-ca.pem").chmod(0o644)
    (ca / "endpoints-key.pem").chmod(0o640)
    (ready.state / "push-key").chmod(0o604)
    (ca / "endpoints-cert.pem").write_text("no certificate")
    ready.config.write_text(
        ready.config.read_text()
        + 'test_hosts: { "a.test:1": { stands_for: b.example, address: 127.0.0.1, ca: gone.pem } }\n'
        + "b2b_bins: bins.csv\n"
    )
    code, out, err = ready("check")
    assert code == 1
    for said in (
        f"{ready.directory / 'rules/partner.yaml'}:3:1: unknown key `route`",
        f"{ready.config}:10:22: others may read push-key; run: chmod 600 {ready.state / 'push-key'}",
        f"{ca / 'mitmproxy-ca.pem'}: others may read this key\n    Run: chmod 600",
        f"{ca / 'endpoints-key.pem'}: others may read this key",
        f"{ca / 'endpoints-cert.pem'}: this is not a certificate in PEM form",
        f"{ready.directory / 'gone.pem'}: the authority of a host under test_hosts: is missing",
        f"{ready.directory / 'bins.csv'}: the table under b2b_bins: is missing",
    ):
        assert said in err
    assert out.rstrip().endswith("problems.")


def test_before_certs_init(run):
    code, out, err = run("check")
    assert code == 1
    ca = run.state / "ca"
    assert f"{ca / 'mitmproxy-ca.pem'}: the CA that signs for intercepted hosts is missing" in err
    assert f"{ca / 'endpoints-key.pem'}: the endpoints listener's key is missing" in err
    assert f"{run.config}:10:22: the file push-key does not exist" in err
    assert err.count("card-gateway certs init") == 4
    assert out == "4 problems.\n"
    assert not run.state.exists()


def test_a_certificate_that_ends_soon(ready):
    ending = Authority(ready.directory).issue("proxy.example")
    ready.config.write_text(
        ready.config.read_text().replace(
            "proxy: 127.0.0.1:8080",
            f"proxy: {{ address: 127.0.0.1:0, tls: {{ certificate: {ending.certificate}, "
            f"key: {ending.key} }} }}",
        )
    )
    code, _, err = ready("check")
    assert (code, err) == (1, f"{ending.certificate}: this certificate ends in 0 days\n")


def test_p08_a_tunnelled_host_with_a_route_is_a_mistake(ready):
    text = ready.config.read_text()
    ready.config.write_text(text + "tunnel: [api.partner.example]\n")
    code, _, err = ready("check")
    assert code == 1
    assert (
        "`api.partner.example:443` stands under `tunnel:` and passes blind, but partner/all" in err
    )
    ready.config.write_text(text + "tunnel: [other.partner.example]\n")
    code, out, _ = ready("check")
    assert code == 0
    assert "✓ pass blind: other.partner.example:443" in out


def test_the_shipped_configuration_and_packs_are_right(run):
    import shutil

    root = Path(__file__).parent.parent.parent
    shutil.copy(root / "gateway.yaml", run.config)
    shutil.rmtree(run.directory / "rules")
    shutil.copytree(root / "rules", run.directory / "rules")
    run("certs", "init")
    shutil.copy(run.state / "ca/mitmproxy-ca-cert.pem", run.state / "ca/sandbox-ca.pem")
    assert run("check")[::2] == (0, "")
