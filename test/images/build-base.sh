#!/usr/bin/env bash
# Makes the image that the Dockerfile builds on, where no registry can be asked for one: Debian by debootstrap, with the Node
# and npm of this machine, and the CAs that it trusts. Takes the image's name; needs root, debootstrap and buildah.
set -euo pipefail
name=$1
buildah inspect --type image "$name" >/dev/null 2>&1 && exit 0

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,binutils,libatomic1 bookworm "$root/base" >"$root/log" 2>&1 ||
  { tail -5 "$root/log" >&2; exit 1; }
install "$(readlink -f "$(command -v node)")" "$root/base/usr/bin/node"
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
mkdir -p "$root/base/usr/lib/node_modules"
cp -R "$npm" "$root/base/usr/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/base/usr/bin/npm"
cp /etc/ssl/certs/ca-certificates.crt "$root/base/etc/ssl/certs/ca-certificates.crt"
printf 'FROM scratch\nCOPY base /\n' >"$root/Dockerfile"
buildah build --quiet --tag "$name" "$root" >/dev/null
