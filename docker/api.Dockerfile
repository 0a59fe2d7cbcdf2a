# syntax=docker/dockerfile:1
# API, keeper, migrations, doctor and every other command: no torch, no weights of a model.
# Build from the root of the repository: docker build -f docker/api.Dockerfile -t inpaintd-api .

# A tag; docker/pin.sh says what it is by digest.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CACHE_DIR=/cache
WORKDIR /src
RUN python -m venv /venv
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY storage storage
COPY safety safety
COPY producer producer
COPY worker worker
# Modules are compiled here, because the finished image cannot be written.
RUN --mount=type=cache,target=/cache \
    /venv/bin/pip install --compile --constraint constraints.txt ".[api,otel]"

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 inpaintd \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin inpaintd \
    && install -d -o 10001 -g 10001 -m 700 /var/lib/inpaintd
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    INPAINTD_HOST=0.0.0.0 \
    INPAINTD_LOG_JSON=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
# Of the API; whoever runs another program says how that one is asked, as compose.yaml does for the keeper.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-P", "-m", "producer.probe", "http://127.0.0.1:8000/readyz"]
ENTRYPOINT ["inpaintd"]
CMD ["api"]
