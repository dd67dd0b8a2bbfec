# agentcron with dashboard, HTTP API and MCP, as a user without rights; jobs, tokens and settings are in /data.
FROM python:3.13-slim AS build
COPY pyproject.toml README.md CHANGELOG.md LICENSE /source/
COPY src /source/src
RUN python -m venv /opt/agentcron && /opt/agentcron/bin/pip install --no-cache-dir "/source[ai,server,mcp,checks]"

FROM python:3.13-slim
# A small init reaps what agents leave behind and hands signals on.
RUN apt-get update && apt-get install -y --no-install-recommends git tini && rm -rf /var/lib/apt/lists/* \
  && useradd --uid 10001 --create-home --home-dir /home/agentcron --shell /usr/sbin/nologin agentcron \
  && install -d -o agentcron -g agentcron -m 0700 /data
COPY --from=build /opt/agentcron /opt/agentcron
ENV PATH=/opt/agentcron/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AGENTCRON_STORE=sqlite:////data/agentcron.sqlite
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8642
# As long as running agents may take to end, and 15 s more: docker stop --time 45, or stop_grace_period.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8642/readyz', timeout=4)"]
ENTRYPOINT ["tini", "--", "agentcron"]
CMD ["serve", "--host", "0.0.0.0"]
