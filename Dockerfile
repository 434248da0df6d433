# `build` has uv and creates the environment, `dev` adds what tests and lint need, `trimmed` removes
# files that the product never reads, `prod` (the default) has only what runs. If an image registry is
# reachable, pass BASE with its digest:
#   docker build --build-arg BASE=python:3.11-slim-bookworm@sha256:... --build-arg SIGNALROOM_COMMIT=$(git rev-parse HEAD) .
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1
# Extras of pyproject.toml; a Temporal worker needs: --build-arg EXTRAS="--extra temporal"
ARG EXTRAS=
WORKDIR /build
COPY bootstrap.py uv.lock ./
RUN python bootstrap.py

WORKDIR /app
# Packages rarely change: they have their own layer.
COPY pyproject.toml uv.lock ./
RUN /build/.tools/uv sync --frozen --no-default-groups ${EXTRAS:-} --no-install-project
COPY . .
# The client packages are linked here, because a read-only container cannot do it later. The
# simulated agency is only needed to install the project.
RUN /build/.tools/uv sync --frozen --no-default-groups ${EXTRAS:-} \
    && .venv/bin/dbt --quiet deps \
    && .venv/bin/python -m compileall -q cli ingest reports scheduler signalroom transform \
    && rm -rf sandbox target logs

# docker build --target dev; mount the working copy's tests on /app/tests.
FROM build AS dev
COPY sandbox sandbox
RUN /build/.tools/uv sync --frozen
ENV PATH=/app/.venv/bin:$PATH

# 200 MB that packages carry and nothing here opens: their own tests, languages other than English, all
# of AWS but S3 and its logins, all of Twilio but messages, Arrow's servers and headers, fonts in forms
# that no chart is written in. dbt keeps macros in a folder named tests.
FROM build AS trimmed
RUN cd .venv/lib/python3*/site-packages \
    && find . -depth -type d -name tests ! -path "./dbt/*" -exec rm -rf {} + \
    && find babel/locale-data -name "*.dat" ! -name root.dat ! -name "en*.dat" -delete \
    && find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name "sso*" ! -name signin -exec rm -rf {} + \
    && find twilio/rest -mindepth 1 -maxdepth 1 -type d ! -name api ! -name __pycache__ -exec rm -rf {} + \
    && find fontTools -mindepth 1 -maxdepth 1 -type d ! -name misc ! -name __pycache__ -exec rm -rf {} + \
    && rm -rf pyarrow/include pyarrow/*flight* pyarrow/*_s3* pyarrow/libarrow_python*.so pyarrow/libarrow_python*.so.*.* \
        numpy/distutils numpy/f2py sqlalchemy/testing \
        matplotlib/mpl-data/fonts/afm matplotlib/mpl-data/fonts/pdfcorefonts matplotlib/mpl-data/sample_data \
        setuptools setuptools-*.dist-info _distutils_hack distutils-precedence.pth

FROM ${BASE} AS prod
# tini reaps the children of killed steps and forwards SIGTERM.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini=0.19.* \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
    && groupadd --gid 10001 signalroom \
    && useradd --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin signalroom \
    && install -d -o 10001 -g 10001 -m 0700 /data
# Code belongs to root, and the process cannot change it; it can only write /data and /tmp.
COPY --from=trimmed /app /app
WORKDIR /app
# Reference data is versioned by the commit of the image.
ARG SIGNALROOM_COMMIT=
ENV SIGNALROOM_COMMIT=$SIGNALROOM_COMMIT
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    DLT_DATA_DIR=/data/dlt \
    SIGNALROOM_HOME=/data \
    SIGNALROOM_TARGET=postgres \
    SIGNALROOM_LOG_FORMAT=json \
    PORT=8080
USER 10001:10001
EXPOSE 8080
# Fails on any response except 200, including the 503 of a stale scheduler.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health', timeout=4)"]
ENTRYPOINT ["tini", "--"]
# Docker's and Fly's networks cannot reach loopback; which ports are published is configured outside.
CMD ["signalroom", "scheduler", "--host", "0.0.0.0"]
