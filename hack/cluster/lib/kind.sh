# shellcheck shell=bash
# One cluster by kind: a control plane and a worker, API server on loopback. Which engine it talks to is set before (lib/choice.sh).

kubectl_here() { kubectl --kubeconfig "$KUBECONFIG_FILE" "$@"; }

kind_exists() { kind get clusters 2>/dev/null | grep -qx "$NAME"; }
kind_answers() { [[ -f $KUBECONFIG_FILE ]] && kubectl_here --request-timeout 5s get --raw /readyz >/dev/null 2>&1; }

# A cluster whose parts were never seen to work is no cluster that is up, even where it answers: an `up` was interrupted.
kind_is_up() { [[ -f $STATE/ready ]] && kind_answers && kind_exists && say "already up: $NAME"; }

# kind_up IMAGE [ARCHIVE...]: IMAGE empty means the stock node image of this kind version. The archives are loaded meanwhile.
kind_up() {
  local image=$1 loading
  shift
  if kind_is_up; then
    kind_load "$NAME" "$@"
    return
  fi
  kind_delete   # half-made, or its node containers are gone
  step "creating the cluster $NAME (two nodes)" kind_create "$image"
  kind_load "$NAME" "$@" &
  loading=$!
  step "waiting for nodes, cluster DNS and a volume of the default StorageClass" wait_for_parts
  wait "$loading"
  touch "$STATE/ready"
}

kind_create() {
  local image=$1 log=$STATE/kind.log
  kind_config "$image" >"$STATE/kind.yaml"
  (umask 077 && : >"$KUBECONFIG_FILE")
  kind create cluster --name "$NAME" --config "$STATE/kind.yaml" --kubeconfig "$KUBECONFIG_FILE" ${image:+--image "$image"} \
    >"$log" 2>&1 && return
  tail -n 20 "$log" >&2
  ! grep -q 'failed to pull image' "$log" ||
    say "your engine reaches no registry: where none answers, and as root, a node image of our own is built and used instead"
  die "kind could not create the cluster; the whole output is in $log"
}

import_node_image() {
  ! docker image inspect "$(node_image_name)" >/dev/null 2>&1 || return 0
  docker import "$(node_image_archive)" "$IMAGE_REGISTRY/node-root" >/dev/null
  DOCKER_BUILDKIT=0 docker build --quiet --tag "$(node_image_name)" - <"$HERE/node/Dockerfile" >/dev/null
  with_lock keep_node_layers
}

# Without an image of its own, kind's defaults are right; ours comes with its own registry name and tags (lib/node-image.sh).
kind_config() {
  cat <<'YAML'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {apiServerAddress: 127.0.0.1}
nodes:
- {role: control-plane}
- {role: worker}
YAML
  [[ -n $1 ]] || return 0
  cat <<YAML
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  imageRepository: $IMAGE_REGISTRY
  etcd: {local: {imageTag: $ETCD_VERSION}}
  dns: {imageTag: $COREDNS_VERSION}
YAML
}

# Nodes are Ready up to 10 s before names resolve and volumes bind: who tests in between sees failures that mean nothing.
wait_for_parts() {
  wait_until 30 "the default account" kubectl_here get serviceaccount default || die "see 'hack/cluster/cluster kubectl get pods -A'"
  storage_probe | kubectl_here apply --filename - >/dev/null
  kubectl_here wait node --all --for condition=Ready --timeout 90s >/dev/null
  kubectl_here --namespace kube-system rollout status deployment/coredns --timeout 90s >/dev/null
  kubectl_here wait persistentvolumeclaim/storage-probe --for jsonpath='{.status.phase}'=Bound --timeout 60s >/dev/null
  kubectl_here delete pod/storage-probe persistentvolumeclaim/storage-probe --now --wait=false >/dev/null
}

# A claim, and a pod that wants it: without one no volume is provisioned.
storage_probe() {
  local image
  # The pause image is in every node image, under the name that the container runtime is set up with.
  image=$(docker exec "$NAME-worker" sed -nE 's/^ *sandbox(_image)? *= *"(.*)"$/\2/p' /etc/containerd/config.toml | head -n 1)
  cat <<YAML
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: storage-probe, namespace: default}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: storage-probe, namespace: default}
spec:
  containers: [{name: pause, image: "$image", volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: storage-probe}}]
YAML
}

need_archives() {
  local archive
  for archive in "$@"; do
    [[ -f $archive ]] || die "no such image archive: $archive (make images)"
  done
}

# kind_load CLUSTER ARCHIVE...: side by side, for a node spends most of an import waiting. No pod of ours runs on a control plane
# that has workers beside it.
kind_load() {
  local name=$1 archive process workers loads=()
  shift
  workers=$(kind get nodes --name "$name" | sed '/control-plane/d' | paste -sd ,)
  for archive in "$@"; do
    step "loading ${archive##*/}" kind load image-archive "$archive" --name "$name" ${workers:+--nodes "$workers"} &
    loads+=($!)
  done
  for process in "${loads[@]}"; do wait "$process"; done
}

kind_delete() {
  rm -f "$STATE/ready"
  ! kind_exists || kind delete cluster --name "$NAME" --kubeconfig "$KUBECONFIG_FILE" >/dev/null 2>&1
}
