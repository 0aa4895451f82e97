#!/bin/sh
# Puts together the root folder of the image, from the folder that it runs in: node_modules as `npm ci --omit=dev` leaves
# it, src and package.json. Every file in it has the time EPOCH, so that the same inputs give the same bytes.
set -eu
root=$1 epoch=$2

node=$(echo node_modules/node-linux-*/bin/node)
install -D -m 755 "$node" "$root/usr/bin/node"
# Symbols for debuggers, a fifth of the file.
strip --strip-all "$root/usr/bin/node"
install -D -m 644 "$(dirname "$node")/../LICENSE" "$root/usr/share/doc/node/LICENSE"
install -D -m 755 deploy/image/singlestate "$root/usr/bin/singlestate"

# What Node loads, each with its package's copyright and its record in dpkg's database, where scanners look.
ldd "$node" | grep -o '/[^ ]*' | sort | while read -r library; do
  install -D -m 755 "$library" "$root$library"
  # Debian moved /lib into /usr/lib; its records say the one or the other.
  package=$(dpkg-query --search "$library" 2>/dev/null || dpkg-query --search "/usr$library")
  package=${package%%:*}
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
  mkdir -p "$root/var/lib/dpkg/status.d"
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
done

install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo 'singlestate:x:65532:65532:singlestate:/:/none' >"$root/etc/passwd"
echo 'singlestate:x:65532:' >"$root/etc/group"

mkdir -p "$root/app"
cp -R package.json LICENSE src node_modules "$root/app/"
cd "$root/app/node_modules"
# Node is in /usr/bin; buf lints protos, and is an optional dependency only because it is another package on each platform.
rm -rf node-linux-* @bufbuild/buf-* .bin .package-lock.json
# Node takes no TypeScript from here.
find . -type f \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' -o -iname '*.md' \) \
  ! -iname 'licen[cs]e*' -delete
find . -type d -empty -delete

cd /
chmod -R u=rwX,go=rX "$root"
find "$root" -exec touch --no-dereference --date="@$epoch" {} +
