# shellcheck shell=bash
# The control plane alone, as plain processes on loopback: for integration tests that need an API server and no pods.
# etcd, kube-apiserver and kube-controller-manager; everything they have lies in one folder that the caller names.

CONTROL_PLANE_BINARIES=(etcd kube-apiserver kube-controller-manager kubectl)
CONTROL_PLANE_MARKER=control-plane.tradingbot.dev   # `down` removes a folder only when it holds this file

control_plane_build() { need_go_binaries "${CONTROL_PLANE_BINARIES[@]}"; }

control_plane_up() {
  local dir
  dir=$(realpath -m "$1")
  [[ ! -e $dir || -f $dir/$CONTROL_PLANE_MARKER || -z $(ls -A "$dir") ]] || die "$dir is neither empty nor a control plane of ours"
  need_command openssl openssl
  control_plane_build
  link_programs kubectl
  if control_plane_ready "$dir"; then
    say "already up: $dir/kubeconfig"
  else
    step "starting a control plane in $dir" control_plane_start "$dir"
  fi
  echo "$dir/kubeconfig"
}

# A port that was free a moment ago can be taken by the time a server binds it: then the whole start is tried again.
control_plane_start() {
  local dir=$1 attempt
  for attempt in 1 2 3; do
    control_plane_stop "$dir"
    if control_plane_try "$dir"; then return; fi
    grep -qs 'address already in use' "$dir"/*.log || break
    say "a port was taken in between (attempt $attempt)"
  done
  control_plane_kill "$dir"
  tail -qn 5 "$dir"/*.log >&2
  die "the control plane did not start; its logs are in $dir"
}

# One attempt. Joined by && because `set -e` means nothing to a function that is called in a condition.
control_plane_try() {
  local dir=$1 client peer api
  mkdir -p "$dir/pki" && chmod 700 "$dir" && touch "$dir/$CONTROL_PLANE_MARKER" &&
    read -r client peer api < <(free_ports 3) &&
    control_plane_identities "$dir" "https://127.0.0.1:$api" &&
    start_etcd "$dir" "$client" "$peer" &&
    start_api_server "$dir" "$client" "$api" &&
    wait_until 30 "the API server's /readyz" api_ready_or_dead "$dir" &&
    process_alive "$dir" kube-apiserver &&
    start_controller_manager "$dir" &&
    # A pod can be created only once its namespace's default account is there.
    wait_until 20 "the controller manager" control_plane_kubectl "$dir" get serviceaccount default
}

control_plane_identities() {
  local dir=$1 server=$2 pki=$1/pki
  new_authority "$pki" && new_signing_key "$pki" &&
    new_certificate "$pki" apiserver /CN=kube-apiserver DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1 &&
    new_certificate "$pki" admin /O=system:masters/CN=admin DNS:admin &&
    new_certificate "$pki" controller-manager /CN=system:kube-controller-manager DNS:controller-manager &&
    write_kubeconfig "$dir/kubeconfig" "$server" "$pki" admin &&
    write_kubeconfig "$dir/controller-manager.kubeconfig" "$server" "$pki" controller-manager
}

start_etcd() {
  local dir=$1 client=http://127.0.0.1:$2 peer=http://127.0.0.1:$3
  # No fsync: the data does not outlive the test, and a shared disk's fsync is most of an API call's time.
  start_process "$dir" etcd --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"
}

start_api_server() {
  local dir=$1 pki=$1/pki
  # No pod ever reaches this API server: the advertised address is one for documentation, and nobody reconciles endpoints.
  start_process "$dir" kube-apiserver --etcd-servers "http://127.0.0.1:$2" \
    --bind-address 127.0.0.1 --secure-port "$3" --advertise-address 192.0.2.1 --endpoint-reconciler-type none \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" --client-ca-file "$pki/ca.crt" \
    --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
    --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range 10.96.0.0/16 \
    --authorization-mode RBAC --anonymous-auth=false --profiling=false
}

start_controller_manager() {
  local dir=$1 pki=$1/pki controllers='*'
  # Its pods are on loopback, which no Endpoints may name, and nobody makes volumes: these would fail, and say so in
  # Events, all the time.
  controllers+=,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller
  controllers+=,-persistentvolume-binder-controller
  # The default client rates (20 a second) are for a shared production API server; a test would wait for them.
  start_process "$dir" kube-controller-manager --kubeconfig "$dir/controller-manager.kubeconfig" --leader-elect=false --secure-port 0 \
    --service-account-private-key-file "$pki/sa.key" --root-ca-file "$pki/ca.crt" --use-service-account-credentials \
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" --kube-api-qps 500 --kube-api-burst 500 \
    --controllers="$controllers"
}

# start_process FOLDER NAME ARGUMENT...: detached from the terminal, output in NAME.log, process id in NAME.pid.
start_process() {
  local dir=$1 name=$2
  shift 2
  # With a heap as small as a test's a third of the processor time would be garbage collection.
  GOGC=400 setsid "$(go_binaries_dir)/$name" "$@" >"$dir/$name.log" 2>&1 </dev/null &
  local process=$!
  echo "$process" >"$dir/$name.pid"
  # Until it has called exec it has our own command line, and would be taken for somebody else's.
  wait_until 10 "the start of $name" process_alive_or_dead "$dir" "$name" "$process"
}

process_alive_or_dead() { process_alive "$1" "$2" || ! kill -0 "$3" 2>/dev/null; }

# process_alive FOLDER NAME: whether the recorded process is still ours; its number may belong to another one by now.
process_alive() {
  local pid command
  pid=$(cat "$1/$2.pid" 2>/dev/null) || return 1
  command=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || return 1
  [[ $command == */"$2 "*"$1/"* ]]
}

control_plane_kubectl() {
  local dir=$1
  shift
  "$(go_binaries_dir)/kubectl" --kubeconfig "$dir/kubeconfig" "$@"
}

control_plane_ready() { process_alive "$1" kube-apiserver && control_plane_kubectl "$1" get --raw /readyz >/dev/null 2>&1; }

# A dead process ends the waiting at once instead of at its deadline.
api_ready_or_dead() { control_plane_ready "$1" || ! process_alive "$1" etcd || ! process_alive "$1" kube-apiserver; }

control_plane_down() {
  local dir
  dir=$(realpath -m "$1")
  if [[ ! -e $dir ]]; then
    say "nothing there: $dir"
    return
  fi
  [[ -f $dir/$CONTROL_PLANE_MARKER ]] || die "$dir is no control plane of ours (no file $CONTROL_PLANE_MARKER in it)"
  control_plane_stop "$dir"
  say "removed $dir"
}

control_plane_stop() {
  control_plane_kill "$1"
  rm -rf "$1"
}

# Killed, not asked: there is nothing to flush in a folder that goes away.
control_plane_kill() {
  local dir=$1 name
  for name in kube-controller-manager kube-apiserver etcd; do
    process_alive "$dir" "$name" || continue
    kill -KILL "$(cat "$dir/$name.pid")" 2>/dev/null || true   # it may end by itself in between
    wait_until 10 "the end of $name" process_gone "$dir" "$name"
  done
}

process_gone() { ! process_alive "$1" "$2"; }

# free_ports COUNT: that many different free ports of the loopback address, on one line.
free_ports() {
  python3 - "$1" <<'PYTHON'
import socket
import sys

sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in sockets))
PYTHON
}
