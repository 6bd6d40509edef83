# The image of every service of docker-compose.yml: `docker build --tag sessionwatch .`
# Two stages: what builds stays in the first. The second has the application, its packages by hash, and no tool.

FROM python:3.13.7-slim-bookworm AS build
WORKDIR /src
COPY requirements/run.txt requirements/live.txt requirements/
# One environment to build with, one to run: the second is all that leaves this stage.
RUN python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --no-cache-dir --no-deps --require-hashes --requirement requirements/run.txt \
    && python -m venv --without-pip /opt/sessionwatch \
    && python -m pip --python /opt/sessionwatch/bin/python install --no-cache-dir --no-deps --only-binary :all: \
        --require-hashes --requirement requirements/live.txt
COPY . .
RUN /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && python -m pip --python /opt/sessionwatch/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl
# The bundled map unpacked once, so that no container does it at its start.
ENV SESSIONWATCH_CACHE=/opt/sessionwatch/cache
RUN /opt/sessionwatch/bin/sessionwatch where 1.1.1.1 && chmod --recursive a+rX /opt/sessionwatch/cache

FROM python:3.13.7-slim-bookworm
# What installs packages is of no use to what runs, and of much use to whoever breaks in.
RUN python -m pip uninstall --yes pip \
    && groupadd --gid 10001 sessionwatch \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sessionwatch \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/sessionwatch
COPY --from=build /opt/sessionwatch /opt/sessionwatch
ENV PATH=/opt/sessionwatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SESSIONWATCH_CACHE=/opt/sessionwatch/cache \
    SESSIONWATCH_MONITOR=0.0.0.0:9464
WORKDIR /var/lib/sessionwatch
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9464/healthz', timeout=4)"]
ENTRYPOINT ["sessionwatch"]
CMD ["--help"]
