# API and keeper: no torch. Build from the root of the repository: docker build -f docker/api.Dockerfile .
FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY storage storage
COPY safety safety
COPY producer producer
COPY worker worker
RUN pip install --no-cache-dir -c constraints.txt ".[api]" && useradd --uid 10001 --create-home inpaintd
USER inpaintd
ENV INPAINTD_HOST=0.0.0.0
EXPOSE 8000
ENTRYPOINT ["inpaintd"]
CMD ["api"]
