# shellcheck shell=bash
# Which cluster is used, in this order: the context that the user names; kind with the engine that answers; kind with a private
# engine. `up` writes the choice down; the other commands read it.

# choose: prints "context NAME", "user-engine" or "private-engine".
choose() {
  if [[ -n ${KUBE_CONTEXT:-} ]]; then
    echo "context $KUBE_CONTEXT"
  elif [[ -f $STATE/choice ]]; then
    cat "$STATE/choice"
  elif timeout 10 docker version >/dev/null 2>&1; then
    echo user-engine
  elif ((EUID == 0)); then
    echo private-engine
  else
    die "no container engine answers ('docker version'), and a private one needs root: start Docker, or run this as root"
  fi
}

cluster_choice() { choose; }

# use_choice CHOICE: the programs and settings of this shell for it.
use_choice() {
  case $1 in
    context\ *) use_program kubectl ;;
    user-engine)
      use_program kubectl
      use_program kind
      ;;
    private-engine)
      ((EUID == 0)) || die "the cluster $NAME has a private engine: run this as root"
      need_go_binaries kind kubectl
      need_engine_packages
      PATH=$(go_binaries_dir):$PATH
      use_engine
      ;;
  esac
}

# use_program NAME: the user's own one where there is one, else ours.
use_program() {
  command -v "$1" >/dev/null && return
  need_go_binaries "$1"
  PATH=$(go_binaries_dir):$PATH
}

# cluster_up [ARCHIVE...]: the image archives are in its nodes when it is up.
cluster_up() {
  local choice
  need_archives "$@"
  choice=$(choose)
  case $choice in
    context\ *) say "using the cluster of the context '${choice#context }' as it is (KUBE_CONTEXT)" ;;
    user-engine) say "using kind with the container engine that answers" ;;
    private-engine) say "using kind with a private engine (no other one answers)" ;;
  esac
  use_choice "$choice"
  record_choice "$choice"
  case $choice in
    context\ *)
      context_up "${choice#context }"
      (($# == 0)) || cluster_load "$@"
      ;;
    user-engine) kind_up "" "$@" ;;
    private-engine) private_up "$@" ;;
  esac
  # Whoever has no kubectl finds one beside the project's other programs.
  [[ $(command -v kubectl) != "$(go_binaries_dir)"/* ]] || link_programs kubectl
  echo "$KUBECONFIG_FILE"
}

# Before anything is made, so that `down` knows after an interrupted `up`.
record_choice() {
  local before
  if [[ -f $STATE/choice ]]; then
    before=$(<"$STATE/choice")
    [[ $before == "$1" ]] || die "the cluster $NAME is by '$before': take it down first, or use another CLUSTER name"
  fi
  mkdir -p "$STATE"
  echo "$1" >"$STATE/choice"
}

# A copy of that one context: nothing here ever writes to the user's kubeconfig.
context_up() {
  (umask 077 && kubectl config view --minify --flatten --context "$1" >"$KUBECONFIG_FILE") &&
    kubectl_here --request-timeout 10s get --raw /readyz >/dev/null && return
  rm -rf --one-file-system "$STATE"
  die "the cluster of context '$1' does not answer"
}

private_up() {
  if kind_is_up; then   # also where a newer recipe would build another node image
    kind_load "$NAME" "$@"
    return
  fi
  need_node_image
  engine_up
  step "loading the node image" import_node_image
  kind_up "$(node_image_name)" "$@"
}

cluster_down() {
  local choice=
  [[ ! -f $STATE/choice ]] || choice=$(<"$STATE/choice")
  case $choice in
    context\ *) say "the cluster of context '${choice#context }' stays: only our copy of its kubeconfig goes" ;;
    user-engine)
      use_choice user-engine
      timeout 10 docker version >/dev/null 2>&1 || die "the engine of the cluster $NAME does not answer: start it, then try again"
      step "deleting the cluster $NAME" kind_delete
      ;;
    *)
      # Also without a recorded choice: state may be lost and processes still there.
      ((EUID == 0)) || [[ -z $(engine_cgroups) ]] || die "the cluster $NAME has a private engine: run this as root"
      ((EUID != 0)) || step "removing the cluster $NAME and its engine" engine_remove
      ;;
  esac
  rm -rf --one-file-system "$STATE"
  rmdir "$REPOSITORY/.cluster" 2>/dev/null || true   # other clusters may be there
}

cluster_load() {
  local choice
  (($# > 0)) || die "load needs at least one image archive"
  need_archives "$@"
  choice=$(require_choice)
  use_choice "$choice"
  case $choice in
    context\ kind-*)
      use_program kind
      kind_load "${choice#context kind-}" "$@"
      ;;
    context\ *) die "images cannot be loaded into a cluster that is not ours: push them to a registry that it reads" ;;
    *) kind_load "$NAME" "$@" ;;
  esac
}

require_choice() {
  [[ -f $STATE/choice ]] || die "there is no cluster $NAME: hack/cluster/cluster up"
  cat "$STATE/choice"
}

# Exit status 0 where the API server answers.
cluster_status() {
  local choice
  choice=$(require_choice)
  use_choice "$choice"
  echo "cluster     $NAME"
  echo "by          $choice"
  echo "kubeconfig  $KUBECONFIG_FILE"
  if ! kind_answers; then
    echo "API server  does not answer"
    return 1
  fi
  echo "API server  $(kubectl_here config view --minify --output jsonpath='{.clusters[0].cluster.server}') answers"
  kubectl_here get nodes --output wide
}

cluster_kubeconfig() {
  [[ -s $KUBECONFIG_FILE ]] || die "there is no cluster $NAME: hack/cluster/cluster up"
  echo "$KUBECONFIG_FILE"
}

cluster_kubectl() {
  local choice
  choice=$(require_choice)
  use_choice "$choice"
  exec kubectl --kubeconfig "$KUBECONFIG_FILE" "$@"
}

# The nodes are containers: for what cannot be done from inside the cluster (kill a container, cut a node off).
cluster_docker() {
  local choice
  choice=$(require_choice)
  use_choice "$choice"
  exec docker "$@"
}

# Builds what `up` and `control-plane up` need here, so that they take seconds later.
cluster_build() {
  local choice
  choice=$(choose)
  use_choice "$choice"
  need_go_binaries "${CONTROL_PLANE_BINARIES[@]}"
  [[ $choice != private-engine ]] || need_node_image
  say "everything is built; it lies in $CACHE"
}
