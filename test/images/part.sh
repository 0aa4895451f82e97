# Makes images of one program each, for the scripts beside it: to be sourced. They go to $folder as archives.

# A program and the libraries that it loads: part NAME BINARY PATH USER
part() {
  local name=$1 binary=$2 path=$3 user=$4 root container
  root=$(mktemp -d)
  install -D -m 755 "$binary" "$root$path"
  # A program in Go loads none.
  { ldd "$binary" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } |
    while read -r library; do install -D "$library" "$root$library"; done
  chmod 755 "$root"
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$root" / >/dev/null
  buildah config --user "$user" --entrypoint "[\"$path\"]" --env PATH=/usr/local/bin:/usr/bin:/bin "$container"
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
