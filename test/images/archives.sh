#!/usr/bin/env bash
# Makes archives of the images that `npm run test:cluster` needs, for a cluster that can pull none: archives.sh FOLDER. Import
# them by `ctr -n k8s.io images import FILE` or `kind load image-archive FILE`. Needs root, buildah and debootstrap.
# gateways.sh makes the others, of `npm run test:cluster -- --gateways`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
mkdir -p "$folder"
. "$here/part.sh"

"$here/build.sh" localhost/singlestate:1 >/dev/null
# An upgrade needs a second name; what is in it is the same.
buildah tag localhost/singlestate:1 localhost/singlestate-next:1
save localhost/singlestate:1
save localhost/singlestate-next:1
binaries=$(node "$here/../../scripts/with-deps.mjs" test/images/binaries.ts)
part localhost/envoy:1 "$(sed -n 1p <<<"$binaries")" /usr/local/bin/envoy 65532:65532
part localhost/valkey:1 "$(sed -n 2p <<<"$binaries")" /usr/local/bin/valkey-server 999:999
