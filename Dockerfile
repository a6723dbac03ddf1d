# The program and nothing else: no shell, no package manager, no root.
#
#	go run ./internal/release -out dist
#	docker buildx build --platform linux/amd64,linux/arm64 -f Dockerfile dist/bin
#
#	docker run --rm --read-only --network none -v "$PWD:/src:ro" IMAGE .
FROM scratch
ARG TARGETARCH
COPY linux_${TARGETARCH}/manilint /manilint
WORKDIR /src
USER 65532:65532
ENTRYPOINT ["/manilint"]
