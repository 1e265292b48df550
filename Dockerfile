FROM rust:1.95-bookworm AS builder
WORKDIR /build
COPY . .
# The caches keep the registry and compiled dependencies between builds; the binary has to leave them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin reductionist \
    && cp target/release/reductionist /usr/local/bin/reductionist

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="reductionist" \
      org.opencontainers.image.description="An HTTP service that reduces storage chunks of climate data next to where they are stored" \
      org.opencontainers.image.licenses="Apache-2.0"
# Always the certificates of today: a pinned version would go out of the archive and out of date.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=builder /usr/local/bin/reductionist /usr/local/bin/reductionist
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/reductionist"]
