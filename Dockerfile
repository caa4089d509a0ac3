# Three images from one file: `operator`, `worker`, and `worker-sample` (the worker with recorded data baked in).
# `python3 hack/image build` builds them with Docker or without. Where a machine has package settings of its own they
# come in as secrets that last for one step: id=pip.conf and id=ca-certificates.

FROM docker.io/library/debian:bookworm-slim AS python
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && echo 'backbone:x:65532:' >> /etc/group \
 && echo 'backbone:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd
# The root is read-only: bytecode is compiled here, once, and never at run time.
ENV PATH=/opt/backbone/venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

FROM python AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_PROGRESS_BAR=off
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
COPY requirements/build.txt /src/requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca-certificates,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /opt/build \
 && /opt/build/bin/pip install --only-binary :all: --require-hashes --requirement /src/requirements/build.txt \
 && python3 -m venv --without-pip /opt/backbone/venv

FROM build AS operator-dependencies
COPY requirements/operator.txt /src/requirements/
# The client's asynchronous twin goes; its thousand models, which it loads by need, stay as source.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca-certificates,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/build/bin/pip --python /opt/backbone/venv/bin/python3 install --no-compile \
        --only-binary :all: --require-hashes --requirement /src/requirements/operator.txt \
 && cd /opt/backbone/venv/lib/python3.11/site-packages \
 && find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + \
 && rm -rf kubernetes/aio \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -x 'kubernetes/client/(api|models)/' . \
 && /opt/backbone/venv/bin/python3 -c 'import kopf, kubernetes, prometheus_client, pydantic, yaml'

FROM build AS worker-dependencies
COPY requirements/worker.txt /src/requirements/
# Arrow's servers, plan formats, cloud stores and headers go: nothing here imports them.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca-certificates,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/build/bin/pip --python /opt/backbone/venv/bin/python3 install --no-compile \
        --only-binary :all: --require-hashes --requirement /src/requirements/worker.txt \
 && cd /opt/backbone/venv/lib/python3.11/site-packages \
 && find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + \
 && rm -rf duckdb/experimental pyarrow/include pyarrow/includes pyarrow/src \
 && rm -f pyarrow/*flight* pyarrow/_substrait* pyarrow/libarrow_s3.so* pyarrow/_s3fs.* \
 && find pyarrow -name '*.p[xy][xid]' -delete \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash . \
 && /opt/backbone/venv/bin/python3 -c 'import confluent_kafka, duckdb, pyarrow.compute, pyarrow.csv, pyarrow.dataset, \
             pyarrow.parquet, exchange_calendars, fredapi, yfinance'

FROM build AS project
COPY pyproject.toml /src/
COPY operator /src/operator
# The readme is only the package's description; an empty one lets it change without a build.
RUN touch /src/README.md \
 && /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /src/dist /src \
 && /opt/build/bin/pip --python /opt/backbone/venv/bin/python3 install \
        --no-deps --no-index --no-compile --no-warn-script-location --root /project /src/dist/*.whl \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /project /project

# Only what the fetching is made of, so that no other change of the code fetches again.
FROM worker-dependencies AS sample-data
COPY operator/backbone/__init__.py operator/backbone/errors.py /src/backbone/
COPY operator/backbone/providers/__init__.py /src/backbone/providers/
COPY operator/backbone/providers/sample/__init__.py operator/backbone/providers/sample/f*.py \
     operator/backbone/providers/sample/requirements.txt /src/backbone/providers/sample/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca-certificates,target=/etc/ssl/certs/ca-certificates.crt \
    PYTHONPATH=/src:/opt/build/lib/python3.11/site-packages /opt/backbone/venv/bin/python3 -c \
    'import pathlib; from backbone.providers.sample import fetch; fetch.fetch(pathlib.Path("/opt/backbone/sample"), print)'

FROM python AS operator
COPY --from=operator-dependencies /opt/backbone/venv /opt/backbone/venv
COPY --from=project /project/opt/backbone/venv/lib /opt/backbone/venv/lib
USER 65532:65532
ENTRYPOINT ["python3", "-m", "backbone"]

FROM python AS worker
COPY --from=worker-dependencies /opt/backbone/venv /opt/backbone/venv
COPY --from=project /project/opt/backbone/venv /opt/backbone/venv
USER 65532:65532
ENTRYPOINT ["emp-runtime"]

FROM worker AS worker-sample
COPY --from=sample-data /opt/backbone/sample /opt/backbone/sample
ENV EMP_SAMPLE_DIR=/opt/backbone/sample
