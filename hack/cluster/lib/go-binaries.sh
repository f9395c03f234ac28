# shellcheck shell=bash
# Programs built from Go modules, once per version, in the cache.

# Everything that a cluster may need; `control-plane` builds only its own four.
# shellcheck disable=SC2034  # read by node-image.sh; hack/chart/tools needs none of them
ALL_GO_BINARIES=(
  kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubeadm kubectl
  etcd coredns pause kind local-path-provisioner
)
GO_BUILD_DEADLINE_S=1500

go_binaries_dir() {
  local recipe
  recipe=$(recipe_hash "$HERE"/go/go.{mod,sum} "$HERE"/go/*/main.go <(echo "$KIND_VERSION $LOCAL_PATH_VERSION $(go_linker_flags)"))
  echo "$CACHE/go-$recipe"
}

# need_go_binaries NAME...: builds those that the cache does not have.
need_go_binaries() {
  local dir name missing=()
  dir=$(go_binaries_dir)
  for name in "$@"; do
    [[ -x $dir/$name ]] || missing+=("$name")
  done
  ((${#missing[@]} == 0)) || step "building ${missing[*]}" with_lock build_go_binaries "${missing[@]}"
}

build_go_binaries() {
  local dir new name own=()
  use_go
  dir=$(go_binaries_dir)
  new=$dir/.new
  rm -rf "$new"
  mkdir -p "$new"
  for name in "$@"; do
    case $name in
      kind) go_install "$new" "sigs.k8s.io/kind@$KIND_VERSION" ;;
      local-path-provisioner) go_install "$new" "github.com/rancher/$name@$LOCAL_PATH_VERSION" ;;
      *) own+=("$(go_package "$name")") ;;
    esac
  done
  ((${#own[@]} == 0)) || go_build "$new" "${own[@]}"
  mv "$new"/* "$dir/"   # only whole programs ever appear under their final name
  rmdir "$new"
}

# The toolchain that `make setup` fetched where the machine had none; an own one of Go 1.21 or later fetches what go.mod asks for.
use_go() {
  PATH=$REPOSITORY/.cache/bin:$PATH
  command -v go >/dev/null || die "there is no Go toolchain: run 'make setup'"
}

go_package() {
  case $1 in
    etcd | coredns | pause) echo "./$1" ;;
    *) echo "k8s.io/kubernetes/cmd/$1" ;;
  esac
}

# kubeadm, kubelet and kubectl compare each other's version: without these flags it is v0.0.0.
go_linker_flags() {
  local version=k8s.io/component-base/version
  echo "-s -w -X $version.gitVersion=$KUBERNETES_VERSION -X $version.gitTreeState=clean" \
    "-X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")"
}

# go_build FOLDER PACKAGE...: from our module, whose go.sum pins every dependency.
go_build() {
  local to=$1
  shift
  run_go "$HERE/go" env CGO_ENABLED=0 go build -v -trimpath -buildvcs=false -ldflags "$(go_linker_flags)" -o "$to/" "$@"
}

# go_install FOLDER MODULE@VERSION: a program with a module graph of its own, checked against Go's checksum database.
go_install() { run_go / env CGO_ENABLED=0 GOBIN="$1" go install -v -trimpath -ldflags "-s -w" "$2"; }

# run_go FOLDER COMMAND...: runs it there and says every 20 s how far it is: a silent six minutes look like a hang.
run_go() {
  local folder=$1 log began=$SECONDS pid said=$SECONDS
  shift
  log=$(mktemp)
  (cd "$folder" && exec timeout "$GO_BUILD_DEADLINE_S" "$@") >"$log" 2>&1 &
  pid=$!
  # shellcheck disable=SC2064  # the number of today's process is meant
  trap "kill $pid 2>/dev/null || true" EXIT   # ^C reaches us and not a process in the background
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    ((SECONDS - said < 20)) && continue
    said=$SECONDS
    say "  go: $(grep -vc downloading "$log") packages compiled, last $(tail -n 1 "$log"), $(seconds_since "$began") s"
  done
  if ! wait "$pid"; then
    tail -n 20 "$log" >&2
    die "the Go build failed; its whole output is in $log"
  fi
  trap - EXIT
  rm -f "$log"
}

# link_programs NAME...: puts kubectl and others where this repository's own programs lie (.cache/bin).
link_programs() {
  local dir name
  dir=$(go_binaries_dir)
  mkdir -p "$REPOSITORY/.cache/bin"
  for name in "$@"; do ln -sfn "$dir/$name" "$REPOSITORY/.cache/bin/$name"; done
}
