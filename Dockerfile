# The image: the program, its Node, the few libraries that Node loads, and CA certificates. Nothing else, no shell either.
#
#   docker build --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" --tag singlestate .
#
# The same sources, build image and SOURCE_DATE_EPOCH give the same image. A private npm registry:
# `--secret id=npmrc,src=$HOME/.npmrc`. How it is released: .github/workflows/release.yaml.

# A Debian with npm and any Node from 20 on; give it by digest for a release. The C libraries and the CA certificates of the
# image are from here, the Node is the one that package-lock.json pins.
ARG BUILD_IMAGE=docker.io/library/node:24-bookworm

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --omit=dev --ignore-scripts --loglevel=error
COPY LICENSE ./
COPY deploy/image deploy/image
COPY src src
ARG SOURCE_DATE_EPOCH=0
RUN sh deploy/image/make-root.sh /image "${SOURCE_DATE_EPOCH}"

FROM scratch
COPY --from=build /image /
# OpenSSL's own default is a folder that this image does not have.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
# check, api, ops
EXPOSE 9001 9003 9090
ENTRYPOINT ["/usr/bin/singlestate"]
CMD ["serve", "--config", "/etc/singlestate/singlestate.yaml"]
