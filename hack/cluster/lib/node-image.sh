# shellcheck shell=bash
# The node image of a cluster whose engine reaches no registry: Kubernetes by kubeadm on Debian, as kind expects it.
# Result: one archive of the root file system in the cache, which `docker import` takes. Needs root.

IMAGE_REGISTRY=tradingbot.local   # exists nowhere: every image below is in the node from the start

node_image_recipe() {
  recipe_hash "$HERE"/node/* "$HERE/lib/node-image.sh" <(go_binaries_dir; debian_root_archive)
}
node_image_archive() { echo "$CACHE/node-image-$(node_image_recipe).tar"; }
node_image_name() { echo "$IMAGE_REGISTRY/node:$(node_image_recipe)"; }

need_node_image() {
  if [[ ! -f $(node_image_archive) ]]; then
    need_go_binaries "${ALL_GO_BINARIES[@]}"
    need_engine_packages
    with_lock need_debian_root
    step "building the node image (about 30 s)" with_lock build_node_image
  fi
  # What is touched is in use; unpacked packages carry the dates of their own build.
  touch "$(node_image_archive)" "$(debian_root_archive)" "$(go_binaries_dir)" "$(engine_packages_dir)"
  with_lock forget_old_builds
}

build_node_image() {
  local work root
  work=$(new_work_folder)
  root=$work/root
  mkdir "$root"
  tar -xf "$(debian_root_archive)" -C "$root" --numeric-owner
  install_node_programs "$root"
  install_node_settings "$root"
  trim_systemd "$root"
  build_cluster_images "$root" "$work/images"
  import_images "$root" "$work"
  tar -C "$root" --numeric-owner --sort=name -cf "$work/node.tar" .
  mv "$work/node.tar" "$(node_image_archive)"
  rm -rf "$work"
}

install_node_programs() {
  local root=$1 bin
  bin=$(go_binaries_dir)
  install -m755 -t "$root/usr/bin" "$bin"/{kubeadm,kubectl,kubelet}
  install -m755 -t "$root/usr/local/bin" "$HERE"/node/{entrypoint,crictl,kubelet-cgroup}
  ln -sf /lib/systemd/systemd "$root/sbin/init"
}

install_node_settings() {
  local root=$1 node=$HERE/node
  mkdir -p "$root"/kind/manifests "$root"/etc/{containerd,cni/net.d,kubernetes/manifests}
  install -m644 "$node/containerd.toml" "$root/etc/containerd/config.toml"
  install -m644 -t "$root/etc/systemd/system" "$node"/kubelet.{service,slice}
  install -m644 "$node/node.sysctl" "$root/etc/sysctl.d/10-node.conf"
  install -m644 -t "$root/kind" "$node/bridge.conflist"
  install -m644 -t "$root/kind/manifests" "$node/default-cni.yaml"
  sed "s/@LOCAL_PATH_VERSION@/$LOCAL_PATH_VERSION/" "$node/default-storage.yaml" >"$root/kind/manifests/default-storage.yaml"
  printf '%s' "$KUBERNETES_VERSION" >"$root/kind/version"   # kind reads it to choose kubeadm's configuration format
  echo ReadKMsg=no >>"$root/etc/systemd/journald.conf"      # the kernel's log is the host's business
}

# A node starts containerd and the kubelet, and nothing that looks after a machine's hardware, terminals or disks.
trim_systemd() {
  local root=$1
  rm -f "$root"/lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* "$root"/etc/systemd/system/*.wants/* \
    "$root"/lib/systemd/system/sockets.target.wants/*{udev,initctl}* \
    "$root"/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
  chroot "$root" systemctl --quiet set-default multi-user.target
  chroot "$root" systemctl --quiet enable containerd.service kubelet.service
  chroot "$root" systemctl --quiet mask systemd-binfmt.service systemd-udevd.service getty@.service console-getty.service
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/etc/{machine-id,resolv.conf,hostname}
}

# build_cluster_images ROOT FOLDER: archives of what runs as pods. kubeadm asks for these names and tags (see lib/kind.sh).
build_cluster_images() {
  local root=$1 folder=$2 name bin
  bin=$(go_binaries_dir)
  for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd coredns local-path-provisioner pause; do
    install -D -m755 "$bin/$name" "$folder/$name/usr/local/bin/$name"
  done
  add_packet_filter "$root" "$folder/kube-proxy"
  add_shell "$root" "$folder/busybox"
  for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
    archive_image "$folder" "$name" "$KUBERNETES_VERSION"
  done
  archive_image "$folder" etcd "$ETCD_VERSION"
  archive_image "$folder" coredns "$COREDNS_VERSION" --entrypoint '["/usr/local/bin/coredns"]'
  archive_image "$folder" local-path-provisioner "$LOCAL_PATH_VERSION"
  archive_image "$folder" pause 1 --entrypoint '["/usr/local/bin/pause"]'
  archive_image "$folder" busybox 1
}

# archive_image FOLDER NAME TAG OPTION...: FOLDER/NAME.tar from the tree FOLDER/NAME.
archive_image() {
  local folder=$1 name=$2 tag=$3
  shift 3
  python3 "$REPOSITORY/hack/images/oci.py" "$folder/$name.tar" "$IMAGE_REGISTRY/$name:$tag" --layer "$folder/$name:/" "$@" >/dev/null
}

# add_packet_filter ROOT IMAGE: iptables and nft with the libraries they need, for kube-proxy.
add_packet_filter() {
  local root=$1 image=$2 plugins library name
  plugins=usr/lib/$(uname -m)-linux-gnu/xtables
  mkdir -p "$image/usr/sbin" "$image/$plugins" "$image/run"   # iptables locks a file in /run
  cp "$root"/usr/sbin/{xtables-nft-multi,nft} "$image/usr/sbin/"
  cp "$root/$plugins"/*.so "$image/$plugins/"
  for name in ip{,6}tables{,-save,-restore}; do ln -s xtables-nft-multi "$image/usr/sbin/$name"; done
  # shellcheck disable=SC2016  # the pattern is for the shell inside the root
  chroot "$root" sh -c 'ldd /usr/sbin/xtables-nft-multi /usr/sbin/nft /'"$plugins"'/*.so' |
    grep -oE '/lib[^ ]+\.so[^ :]*' | grep -v /xtables/ | sort -u |
    while read -r library; do install -D -m755 "$root$library" "$image$library"; done
}

# add_shell ROOT IMAGE: the three programs that the local-path provisioner's helper pod calls.
add_shell() {
  local root=$1 image=$2 name
  install -D -m755 "$root/bin/busybox" "$image/bin/busybox"
  for name in sh mkdir rm; do ln -s busybox "$image/bin/$name"; done
}

# import_images ROOT WORK: puts WORK/images/*.tar into the node's containerd, by a containerd that runs on the node's folder for a moment.
import_images() {
  local root=$1 work=$2 bin socket=$2/socket process archive
  bin=$(engine_packages_dir)/usr/bin
  printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n' >"$work/containerd.toml"
  "$bin/containerd" --config "$work/containerd.toml" --root "$root/var/lib/containerd" --state "$work/state" --address "$socket" \
    >"$work/containerd.log" 2>&1 9>&- &
  process=$!
  # shellcheck disable=SC2064  # the number of today's process is meant
  trap "kill $process 2>/dev/null || true" EXIT
  wait_until 10 "containerd's answer" "$bin/ctr" --address "$socket" version || die "see $work/containerd.log"
  for archive in "$work"/images/*.tar; do
    "$bin/ctr" --address "$socket" --namespace k8s.io images import --no-unpack "$archive" >/dev/null
  done
  kill "$process"
  wait "$process" || true   # ended by our signal
  trap - EXIT
}
