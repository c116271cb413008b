# One file for every program of this repository: a static binary, and nothing else in the image.
#
#   buildah bud --target program  --build-arg BINARY=changeover-operator DIRECTORY_OF_THE_BINARY
#   buildah bud --target exchange --build-arg BINARY=user-service --build-arg VERSION=1.0.0 --build-arg FEATURES=limit-orders DIRECTORY_OF_THE_BINARY
#
# tests/images builds all of them.

FROM scratch AS program
ARG BINARY
COPY ${BINARY} /program
# Numeric, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/program"]

# A service of the exchange: its version is part of the image, so no two versions share a digest.
FROM program AS exchange
ARG VERSION
ARG FEATURES
ENV EXCHANGE_VERSION=${VERSION} EXCHANGE_FEATURES=${FEATURES}

# A release that is broken on purpose.
FROM exchange AS exchange-faulty
ARG FAULT
ENV EXCHANGE_FAULT=${FAULT}
