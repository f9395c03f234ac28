# shellcheck shell=bash
# What comes from Debian's packages: the private engine and the monitoring's programs, unpacked and not installed, and the root file
# system of a node.

ENGINE_PACKAGES=(docker.io containerd runc)
MONITORING_PACKAGES=(prometheus prometheus-alertmanager)
NODE_SUITE=bookworm
NODE_PACKAGES=(
  systemd dbus containerd runc containernetworking-plugins conntrack iptables nftables iproute2 ethtool util-linux mount kmod
  procps jq ca-certificates socat hostname busybox-static
)

engine_packages_dir() { echo "$CACHE/engine-$(recipe_hash <(echo "${ENGINE_PACKAGES[*]}"))"; }

monitoring_packages_dir() { echo "$CACHE/monitoring-$(recipe_hash <(echo "${MONITORING_PACKAGES[*]}"))"; }

need_engine_packages() {
  local to
  to=$(engine_packages_dir)
  [[ -d $to ]] || step "fetching the engine (${ENGINE_PACKAGES[*]})" with_lock unpack_packages "$to" "${ENGINE_PACKAGES[@]}"
}

need_monitoring_packages() {
  local to
  to=$(monitoring_packages_dir)
  [[ -d $to ]] || with_lock unpack_packages "$to" "${MONITORING_PACKAGES[@]}"
}

# unpack_packages TO PACKAGE...: unpacked, not installed, because an installed package would start its service.
unpack_packages() {
  local to=$1 work package
  shift
  [[ ! -d $to ]] || return 0   # another run was quicker
  work=$(new_work_folder)
  # apt would fetch as its own user, who may not write here.
  (cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$@" >"$work/log" 2>&1) || {
    tail -n 3 "$work/log" >&2
    die "Debian's packages could not be fetched: run 'make setup' (or: apt-get update)"
  }
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
  rm -rf "$to"
  touch "$work/root"   # it carries the package's date: see forget_old_builds
  mv "$work/root" "$to"
  rm -rf "$work"
}

debian_root_archive() { echo "$CACHE/debian-root-$(recipe_hash <(echo "$NODE_SUITE ${NODE_PACKAGES[*]}" "$(declare -f build_debian_root)")).tar"; }

need_debian_root() {
  [[ -f $(debian_root_archive) ]] || step "building the node's Debian root (about 40 s)" build_debian_root
}

build_debian_root() {
  local to work packages sources
  need_command mmdebstrap mmdebstrap
  to=$(debian_root_archive)
  work=$(new_work_folder)
  packages=$(IFS=, && echo "${NODE_PACKAGES[*]}")
  mapfile -t sources < <(debian_sources)
  TMPDIR=$work mmdebstrap --quiet --mode=root --variant=apt --include="$packages" \
    --aptopt='Apt::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$NODE_SUITE" "$work/root.tar" "${sources[@]}" 2>"$work/log" >&2 || {
    tail -n 5 "$work/log" >&2
    die "mmdebstrap failed; its output is in $work/log"
  }
  mv "$work/root.tar" "$to"
  rm -rf "$work"
}

# The host's own apt sources where it runs the same suite, so that its mirror is used; else nothing, and mmdebstrap's default holds.
debian_sources() {
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if grep -qsw "$NODE_SUITE" "$file"; then
      echo "$file"
      return
    fi
  done
}
