# A worker host: one process per GPU. torch's wheel carries the CUDA libraries; the host brings the driver.
# Build from the root of the repository: docker build -f docker/worker.Dockerfile .
FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY storage storage
COPY safety safety
COPY producer producer
COPY worker worker
RUN pip install --no-cache-dir -c constraints.txt ".[worker]" && useradd --uid 10001 --create-home inpaintd
USER inpaintd
ENTRYPOINT ["inpaintd"]
CMD ["worker"]
