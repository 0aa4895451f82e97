#!/usr/bin/env bash
# Makes archives of the images that `npm run test:cluster` needs, for a cluster that can pull none: archives.sh FOLDER. Import
# them by `ctr -n k8s.io images import FILE` or `kind load image-archive FILE`. Needs root, buildah and debootstrap.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
mkdir -p "$folder"

# A part's program and the libraries that it loads: part NAME BINARY PATH USER
part() {
  local name=$1 binary=$2 path=$3 user=$4 root container
  root=$(mktemp -d)
  install -D -m 755 "$binary" "$root$path"
  ldd "$binary" | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "$root$library"; done
  chmod 755 "$root"
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$root" / >/dev/null
  buildah config --user "$user" --entrypoint "[\"$path\"]" --env PATH=/usr/local/bin:/usr/bin "$container"
  buildah commit --quiet --rm "$container" "$name" >/dev/null
  rm -rf "$root"
  save "$name"
}

save() {
  local file
  file=$folder/$(basename "${1%%:*}").tar
  rm -f "$file"
  buildah push --quiet "$1" "docker-archive:$file:$1"
}

"$here/build.sh" localhost/singlestate:1 >/dev/null
# An upgrade needs a second name; what is in it is the same.
buildah tag localhost/singlestate:1 localhost/singlestate-next:1
save localhost/singlestate:1
save localhost/singlestate-next:1
binaries=$(node "$here/../../scripts/with-deps.mjs" test/images/binaries.ts)
part localhost/envoy:1 "$(sed -n 1p <<<"$binaries")" /usr/local/bin/envoy 65532:65532
part localhost/valkey:1 "$(sed -n 2p <<<"$binaries")" /usr/local/bin/valkey-server 999:999
