# The gateway on Python 3.13 (mitmproxy 12). No compiler, no shell tools, no root at run time.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY requirements/python-3.12.txt requirements/
COPY gateway gateway
RUN python -m venv /opt/card-gateway \
 && /opt/card-gateway/bin/pip install --no-cache-dir -c requirements/python-3.12.txt .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/card-gateway --create-home gateway
COPY --from=build /opt/card-gateway /opt/card-gateway
COPY rules /etc/card-gateway/rules
ENV PATH=/opt/card-gateway/bin:$PATH PYTHONUNBUFFERED=1 \
    CARD_GATEWAY_CONFIG=/etc/card-gateway/gateway.yaml
USER gateway
WORKDIR /var/lib/card-gateway
# gateway.yaml is yours: mount it at /etc/card-gateway/gateway.yaml, with `state: /var/lib/card-gateway`
# on a volume and `listen:` beyond loopback (TLS, or the container network named as private).
VOLUME /var/lib/card-gateway
EXPOSE 8080 8443 8444
# /readyz answers on the control port, which stays on the container's loopback.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["card-gateway"]
CMD ["run"]
