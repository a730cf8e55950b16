# syntax=docker/dockerfile:1
# The exporter and nothing else. Built natively on the machine that builds, for the machine that
# it is meant for: docker buildx build --platform linux/amd64,linux/arm64 .

FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.97.1-slim-trixie AS build
# Zig is the C compiler and linker: it brings musl and its headers for every processor, of one
# pinned version on every machine.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3-venv tzdata \
 && rm -rf /var/lib/apt/lists/*
COPY packaging/requirements.txt /tmp/
RUN python3 -m venv /opt/zig \
 && /opt/zig/bin/pip install --no-cache-dir --require-hashes --requirement /tmp/requirements.txt
ENV PATH=/opt/zig/bin:$PATH
WORKDIR /src
ARG TARGETARCH
COPY scripts/static-target scripts/static-build scripts/
RUN rustup target add "$(scripts/static-target "$TARGETARCH")"
# Dependencies first, the workspace's own libraries among them, so that a change of the program
# builds the program alone.
COPY Cargo.toml Cargo.lock ./
COPY crates crates
RUN mkdir -p src tests/integration benches/comparison \
 && for file in build.rs src/lib.rs src/main.rs tests/integration/main.rs \
      benches/micro.rs benches/recorder.rs benches/remote_write.rs benches/comparison/main.rs; do \
      printf '%s\n' '//! Nothing yet.' '#[allow(dead_code)]' 'fn main() {}' >"$file"; \
    done \
 && scripts/static-build "$(scripts/static-target "$TARGETARCH")"
COPY build.rs ./
COPY src src
ARG REVISION=unknown
# cargo goes by the time of change, and what is copied may be older than what it replaces.
RUN touch build.rs src/lib.rs src/main.rs \
 && POLYV_EXPORTER_REVISION=$REVISION scripts/static-build "$(scripts/static-target "$TARGETARCH")" \
 && install -D "target/$(scripts/static-target "$TARGETARCH")/release/polyv-exporter" \
      /image/usr/local/bin/polyv-exporter \
 && install -D --mode=644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && mkdir -p /image/usr/share && cp -r /usr/share/zoneinfo /image/usr/share/ \
 && rm -rf /image/usr/share/zoneinfo/right /image/usr/share/zoneinfo/posix \
 && mkdir /recording

FROM scratch
ARG REVISION=unknown
# The release sets it; the program knows its own version.
ARG VERSION=unknown
LABEL org.opencontainers.image.title="polyv-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the quality of Polyv live streams" \
      org.opencontainers.image.source="https://github.com/polyv-exporter/polyv-exporter" \
      org.opencontainers.image.documentation="https://github.com/polyv-exporter/polyv-exporter/blob/main/README.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/ /
# A volume here belongs to whom the directory belongs to, so the recorder can write it.
COPY --from=build --chown=65532:65532 /recording /var/lib/polyv-exporter
# No name: there is no /etc/passwd here, and Kubernetes wants a number to see that it is not root.
USER 65532:65532
EXPOSE 9847
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 \
  CMD ["/usr/local/bin/polyv-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/polyv-exporter"]
