# One image for all of Millrace; the command chooses: phase1, phase2, metastore, migrate, cli …, demo.
# Every RUN below is also run without an engine, in a clean folder, by `npm run test:deploy` (dev/deploy/native-build.ts).

ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# What production needs of npm, without anybody's install scripts.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY services/core/package.json services/core/
COPY services/phase1-dumper/package.json services/phase1-dumper/
COPY services/phase2-transformer/package.json services/phase2-transformer/
COPY services/metastore/package.json services/metastore/
COPY services/cli/package.json services/cli/
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund

# The Kafka client's addon: prebuilt where that can be had and loads, else compiled. The compiler stays in this stage.
FROM ${NODE_IMAGE} AS addon
RUN --mount=type=tmpfs,target=/var/lib/apt/lists \
    apt-get update -qq && \
    apt-get install --yes -qq --no-install-recommends g++ make python3 ca-certificates \
      libcurl4-openssl-dev libsasl2-dev libssl-dev libzstd-dev zlib1g-dev
WORKDIR /app
COPY --from=dependencies /app ./
COPY dev/setup dev/setup
RUN --mount=type=cache,target=/root/.cache/millrace node dev/setup/addon-main.mjs

# Everything that is shipped, without what nobody runs.
FROM ${NODE_IMAGE} AS app
WORKDIR /app
COPY --from=addon /app/node_modules node_modules
COPY deploy/prune.mjs deploy/entrypoint.mjs deploy/
RUN node deploy/prune.mjs node_modules && rm deploy/prune.mjs
COPY package.json LICENSE ./
COPY services services
# Another user reads this than the one who checked it out, perhaps with a strict umask.
RUN chmod -R go=u-w .

FROM ${NODE_IMAGE}
# The system libraries that the addon links to.
RUN --mount=type=tmpfs,target=/var/lib/apt/lists \
    apt-get update -qq && \
    apt-get install --yes -qq --no-install-recommends ca-certificates libcurl4 liblz4-1 libsasl2-2 libssl3 libzstd1 zlib1g
RUN install -d -o 10001 -g 10001 -m 0750 /var/lib/millrace
WORKDIR /app
COPY --from=app /app ./

# UV_THREADPOOL_SIZE: each pending call of the Kafka client holds one of these threads. MALLOC_ARENA_MAX: less memory that the allocator keeps.
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=16 \
    MALLOC_ARENA_MAX=2 \
    HOME=/var/lib/millrace \
    MILLRACE_LISTEN=0.0.0.0 \
    MILLRACE_STATE_DIR=/var/lib/millrace

ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="millrace" \
      org.opencontainers.image.description="Kafka topics into lake tables, in two phases, with every record accounted for" \
      org.opencontainers.image.source="https://github.com/millrace/millrace" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/node:24.21.0-bookworm-slim"

USER 10001:10001
# metastore API; health and metrics of metastore, phase 1, phase 2
EXPOSE 8080 9100 9101 9102
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["node", "/app/deploy/entrypoint.mjs", "live"]
ENTRYPOINT ["node", "/app/deploy/entrypoint.mjs"]
CMD ["help"]
