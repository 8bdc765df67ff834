# syntax=docker/dockerfile:1
# One image for web and workers; `docker-compose.yml` says how they run. The last stage is the TLS proxy.

FROM node:22-bookworm-slim AS frontend
WORKDIR /src/chat/web/frontend
COPY chat/web/frontend/package.json chat/web/frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY chat/web/frontend ./
RUN npm run build


FROM python:3.11-slim-bookworm AS wheels
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.txt ./
# Not for the build machine's own processor: AVX2 is what every x86-64 server of the last ten years has.
ENV CMAKE_ARGS="-DGGML_NATIVE=OFF"
RUN pip wheel --no-cache-dir --wheel-dir /wheels --requirement requirements.txt


FROM python:3.11-slim-bookworm AS parley
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin parley \
    && install --directory --owner parley --group parley --mode 0700 /data
WORKDIR /app
COPY requirements.txt ./
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels --requirement requirements.txt
COPY . .
COPY --from=frontend /src/chat/static/chat/build chat/static/chat/build
RUN python -m chatproject.translations \
    && python -m compileall -q chat chatproject inference workers
ENV DATA_DIR=/data \
    HF_HOME=/data/huggingface \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "deploy/healthcheck.py", "http://localhost:8000/api/v1/chat/health"]
ENTRYPOINT ["tini", "--"]
# The options are those of `manage.py up`; only the proxy can reach this port, so its headers are trusted.
CMD ["python", "-m", "uvicorn", "chatproject.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--ws", "chatproject.websockets:PatientWebSocket", "--ws-max-size", "65536", "--ws-per-message-deflate", "false", \
     "--timeout-graceful-shutdown", "5", "--log-level", "warning", "--no-access-log", "--no-server-header", \
     "--proxy-headers", "--forwarded-allow-ips", "*"]


FROM caddy:2.10-alpine AS proxy
# A copy has no file capabilities: the ports inside are above 1024, so it needs none and may drop all.
RUN cp /usr/bin/caddy /usr/local/bin/caddy \
    && adduser -D -u 10002 proxy \
    && chown -R proxy:proxy /data /config
COPY deploy/Caddyfile /etc/caddy/Caddyfile
USER 10002
EXPOSE 8080 8443
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=4 \
    CMD ["wget", "--quiet", "--spider", "http://127.0.0.1:8081/alive"]
CMD ["/usr/local/bin/caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
