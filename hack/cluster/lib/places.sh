# shellcheck shell=bash disable=SC2034  # the other parts read these
# Where everything lies, and the versions of what is built. Sourced first; expects HERE, the folder hack/cluster.

REPOSITORY=$(realpath "$HERE/../..")
CACHE=${TRADINGBOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tradingbot-operator}

# Versions that go.mod pins are read from it; the others are declared here.
go_mod_version() { awk -v module="$1" '$1 == module { print $2; exit }' "$HERE/go/go.mod"; }
KUBERNETES_VERSION=$(go_mod_version k8s.io/kubernetes)        # v1.35.4
ETCD_VERSION=$(go_mod_version go.etcd.io/etcd/server/v3)      # v3.6.5
COREDNS_VERSION=$(go_mod_version github.com/coredns/coredns)  # v1.14.2
KIND_VERSION=v0.33.0
LOCAL_PATH_VERSION=v0.0.30

# use_name NAME: sets the folders of one cluster. STATE survives `up`; RUN holds sockets and the engine's short-lived state.
# Two clones of the repository may use the same NAME: KEY holds a hash of the folder, so that they do not meet.
use_name() {
  [[ $1 =~ ^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$ ]] ||
    die "'$1' is no cluster name: lower-case letters, digits and '-', at most 30 of them"
  NAME=$1
  STATE=$REPOSITORY/.cluster/$NAME
  KUBECONFIG_FILE=$STATE/kubeconfig
  KEY=tradingbot-$NAME-$(printf '%s' "$REPOSITORY" | sha256sum | cut -c1-8)
  RUN=/run/$KEY   # short: a Unix socket's path has at most 107 characters, whatever the repository's
}

make_cache() { mkdir -p "$CACHE" 2>/dev/null || die "$CACHE cannot be made: name another folder with TRADINGBOT_CACHE"; }

# recipe_hash FILE...: twelve characters that change when one of the files does; part of every name in the cache.
recipe_hash() { cat "$@" | sha256sum | cut -c1-12; }

# with_lock COMMAND...: one at a time over all clusters of this user: builds, and the choice of a free subnet.
with_lock() {
  make_cache
  (
    flock -w 1800 9 || die "another run has held $CACHE/lock for half an hour"
    "$@"
  ) 9>"$CACHE/lock"
}

# new_work_folder: a folder in the cache for one build, under the lock. What an interrupted build has left goes first; mmdebstrap may
# have left mounts in it.
new_work_folder() {
  local old
  for old in "$CACHE"/.work-*; do
    [[ -d $old ]] || continue
    unmount_below "$old"
    rm -rf --one-file-system "$old"
  done
  mktemp -d "$CACHE/.work-XXXXXX"
}

unmount_below() {
  local folder mount
  for folder in "$@"; do
    awk -v below="$folder/" 'index($2 "/", below) == 1 {print $2}' /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
  done
}

# forget_old_builds: what other versions of the recipes built and nobody has used for two weeks; a node image alone has 700 MB.
forget_old_builds() {
  find "$CACHE" -mindepth 1 -maxdepth 1 -regextype posix-extended -mtime +14 \
    -regex '.*/(go|engine|debian-root|node-image|node-layers)-[0-9a-f]{12}(\.tar)?' -exec rm -rf {} +
}
