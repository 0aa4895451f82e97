#!/usr/bin/env bash
# Makes archives of the images of the gateways' controllers, which `npm run test:cluster -- --gateways` needs beside those of
# archives.sh: gateways.sh FOLDER. Needs root, buildah and Go; the first time it builds for some minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
mkdir -p "$folder"
. "$here/part.sh"

binaries=$(node "$here/../../scripts/with-deps.mjs" test/images/gateway-binaries.ts)
part localhost/envoy-gateway:1 "$(sed -n 1p <<<"$binaries")" /usr/local/bin/envoy-gateway 65532:65532
part localhost/contour:1 "$(sed -n 2p <<<"$binaries")" /bin/contour 65534:65534
