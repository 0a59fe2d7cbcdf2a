# syntax=docker/dockerfile:1
# A worker host: one process per GPU. Build from the root of the repository:
#   docker build -f docker/worker.Dockerfile -t inpaintd-worker .
#
# The CUDA runtime, cuBLAS and cuDNN are those that torch's own wheel names, version by version, so the image starts
# from Python's: an image of NVIDIA's would carry them a second time. The host brings the driver and NVIDIA's container
# toolkit.

# A tag; docker/pin.sh says what it is by digest.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CACHE_DIR=/cache
WORKDIR /src
RUN python -m venv /venv
COPY pyproject.toml constraints.txt README.md LICENSE ./
# Another index for torch alone, such as the one of PyTorch for CPUs, whose build has no CUDA and is far smaller.
ARG TORCH_INDEX=
RUN --mount=type=cache,target=/cache \
    if [ -n "$TORCH_INDEX" ]; then \
        /venv/bin/pip install --no-deps --index-url "$TORCH_INDEX" --constraint constraints.txt torch; \
    fi
COPY storage storage
COPY safety safety
COPY producer producer
COPY worker worker
RUN --mount=type=cache,target=/cache \
    /venv/bin/pip install --compile --constraint constraints.txt ".[worker,otel]"

# Weights of a hub model inside the image, as a GPU reads them: --build-arg MODEL=sd-legacy/stable-diffusion-inpainting
# Without it /models is empty, and a volume there keeps what the first worker downloads.
FROM build AS models
ARG MODEL=
RUN mkdir /models \
    && if [ -n "$MODEL" ]; then HF_HOME=/models /venv/bin/python -P -m worker.models.hub "$MODEL"; fi

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 inpaintd \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin inpaintd \
    && install -d -o 10001 -g 10001 -m 700 /var/lib/inpaintd /run/inpaintd
COPY --from=build /venv /venv
COPY --from=models --chown=10001:10001 /models /models
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp \
    HF_HOME=/models \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    INPAINTD_LOG_JSON=1 \
    INPAINTD_READY_FILE=/run/inpaintd/ready
USER 10001:10001
WORKDIR /tmp
# The first start downloads a model that is neither baked in nor in the volume; until it has run, no job is taken.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --retries=3 \
    CMD ["test", "-e", "/run/inpaintd/ready"]
ENTRYPOINT ["inpaintd"]
CMD ["worker"]
