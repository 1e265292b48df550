# docker build --tag reductionist --build-arg REVISION="$(git rev-parse HEAD)" .
FROM docker.io/library/rust:1.95-bookworm AS builder
WORKDIR /build
COPY . .
# What GET /version and the metrics tell.
ARG REVISION=unknown
# The caches keep crates and what is compiled between builds; the program has to leave them. It keeps the names of its
# functions, for backtraces, but not the lines of the source, which would make it four times as large.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    REDUCTIONIST_REVISION="$REVISION" CARGO_PROFILE_RELEASE_DEBUG=none \
    cargo build --release --locked --bin reductionist \
    && cp target/release/reductionist /usr/local/bin/reductionist

# The C library that the program was linked with, certificates of authorities, and nothing else: no shell, no packages.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="reductionist" \
      org.opencontainers.image.description="An HTTP service that reduces storage chunks of climate data next to where they are stored" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=builder /usr/local/bin/reductionist /usr/local/bin/reductionist
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/reductionist", "--check-health"]
ENTRYPOINT ["/usr/local/bin/reductionist"]
