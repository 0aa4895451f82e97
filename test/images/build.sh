#!/usr/bin/env bash
# Builds the image from the Dockerfile with buildah, as root: build.sh NAME [FOLDER], the files of FOLDER in place of the
# repository's. BUILD_IMAGE names what to build on; without it, a Debian is made for that (build-base.sh).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
name=$1 folder=${2:-$here/../..}
base=${BUILD_IMAGE:-localhost/singlestate-build-base:bookworm}
[ -n "${BUILD_IMAGE:-}" ] || "$here/build-base.sh" "$base"

# The registry of this machine's npm, and the CAs of the build image in place of those that come with its Node.
npmrc=$(mktemp)
trap 'rm -f "$npmrc"' EXIT
printf 'cafile=/etc/ssl/certs/ca-certificates.crt\nregistry=%s\n' "$(npm config get registry)" >"$npmrc"

epoch=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
# chroot: it builds in a container too.
buildah build --quiet --isolation chroot --network host --no-cache --secret "id=npmrc,src=$npmrc" \
  --build-arg "BUILD_IMAGE=$base" --build-arg "SOURCE_DATE_EPOCH=$epoch" --timestamp "$epoch" \
  --tag "$name" "$folder"
