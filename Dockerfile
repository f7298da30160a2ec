# The bridge alone on an empty file system: no shell, no package manager, not root.
#
#   docker build -t sparkwise .                              the bridge
#   docker build -t sitewise-local --target sitewise-local . the emulated SiteWise
#   docker build -t iot-local --target iot-local .           the emulated AWS IoT commands
#   docker build -t windfarm --target windfarm .             simulated edge nodes
#   docker build -t sparkwise-demo --target demo .           all of it in one process
#
# PROFILE=dev builds faster and larger. Crates and what was compiled are kept in cache mounts, so
# that a change of the source builds the source alone.

# As in rust-toolchain.toml, which is not copied: rustup would fetch the linter as well.
FROM docker.io/library/rust:1.95-bookworm AS build
ARG PROFILE=release
WORKDIR /src
COPY . .
RUN --mount=type=cache,id=sparkwise-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=sparkwise-target,target=/target,sharing=locked \
    CARGO_TARGET_DIR=/target cargo build --locked --workspace --bins --profile "$PROFILE" && \
    mkdir /out && \
    folder="$(test "$PROFILE" = dev && echo debug || echo "$PROFILE")" && \
    for program in sparkwise sitewise-local iot-local windfarm demo; do \
      install -s "/target/$folder/$program" /out/ || exit 1; \
    done

# What the programs need beside themselves: their shared libraries, the certificate authorities,
# a name for the user and how names are looked up.
FROM build AS root
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN mkdir -p /root-fs/etc/ssl/certs /root-fs/outbox && \
    ldd /out/* | grep -o '/lib[^ ]*' | sort -u | xargs cp --parents -L -t /root-fs && \
    cp -L /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ && \
    echo 'nonroot:x:65532:65532::/:/nologin' >/root-fs/etc/passwd && \
    echo 'nonroot:x:65532:' >/root-fs/etc/group && \
    echo 'hosts: files dns' >/root-fs/etc/nsswitch.conf

FROM scratch AS base
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=root /root-fs/etc /etc
COPY --from=root /root-fs/lib /lib
COPY --from=root /root-fs/lib64 /lib64
USER 65532:65532
STOPSIGNAL SIGTERM

FROM base AS sitewise-local
LABEL org.opencontainers.image.title="sitewise-local" \
      org.opencontainers.image.description="AWS IoT SiteWise, emulated"
COPY --from=build /out/sitewise-local /sitewise-local
ENTRYPOINT ["/sitewise-local"]
CMD ["--listen", "0.0.0.0:4567"]

FROM base AS iot-local
LABEL org.opencontainers.image.title="iot-local" \
      org.opencontainers.image.description="AWS IoT commands, emulated"
COPY --from=build /out/iot-local /iot-local
ENTRYPOINT ["/iot-local"]
CMD ["--listen", "0.0.0.0:4568"]

FROM base AS windfarm
LABEL org.opencontainers.image.title="windfarm" \
      org.opencontainers.image.description="Simulated wind farms that speak Sparkplug B"
COPY --from=build /out/windfarm /windfarm
ENTRYPOINT ["/windfarm"]

FROM base AS demo
LABEL org.opencontainers.image.title="sparkwise-demo" \
      org.opencontainers.image.description="Wind farms, MQTT server, bridge and emulated SiteWise in one process"
COPY --from=build /out/demo /demo
ENTRYPOINT ["/demo"]

# Last, so that it is what is built when nothing is asked for.
FROM base AS sparkwise
LABEL org.opencontainers.image.title="sparkwise" \
      org.opencontainers.image.description="The bridge from MQTT Sparkplug B to AWS IoT SiteWise"
COPY --from=build /out/sparkwise /sparkwise
# Where a volume goes if OUTBOX_DIR=/outbox; everything else may be read-only.
COPY --from=root --chown=65532:65532 /root-fs/outbox /outbox
# Liveness only: a bridge that waits for AWS must not be killed with its outbox.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["/sparkwise", "healthcheck"]
ENTRYPOINT ["/sparkwise"]
