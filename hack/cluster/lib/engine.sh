# shellcheck shell=bash
# A private container engine for one cluster, where the machine has none. Needs root.
# Everything that belongs to it hangs on two names: the control group KEY and the bridge of the same hash. Removal goes by them,
# never by recorded process ids, so it is complete after a hard kill and over any stale state.

engine_socket() { echo "$RUN/docker.sock"; }
engine_bridge() { echo "tb-$(printf '%s' "$KEY" | sha256sum | cut -c1-10)"; }

# use_engine: docker and kind of this shell talk to the private engine.
use_engine() {
  PATH=$(engine_packages_dir)/usr/bin:$PATH
  DOCKER_HOST=unix://$(engine_socket)
  KIND_EXPERIMENTAL_DOCKER_NETWORK=$KEY
  DOCKER_CONFIG=$RUN   # the user's own may name another engine or a proxy
  export PATH DOCKER_HOST DOCKER_CONFIG KIND_EXPERIMENTAL_DOCKER_NETWORK
}

engine_answers() { [[ -S $(engine_socket) ]] && timeout 10 docker version >/dev/null 2>&1; }

engine_answers_or_dead() { engine_answers || ! kill -0 "$1" 2>/dev/null; }

engine_up() {
  use_engine
  if engine_answers; then return; fi
  engine_remove   # over whatever a killed one has left
  step "starting a private engine" engine_start
}

engine_start() {
  local root run_as=()
  root=$(engine_packages_dir)
  mkdir -p "$RUN" "$STATE/engine" /lib/modules   # kind mounts /lib/modules into nodes; a machine without modules has no such folder
  chmod 700 "$RUN"
  with_lock take_node_layers
  machine_has_sys_resource || run_as=(--add-runtime "reduced=$HERE/engine/runc" --default-runtime reduced)
  REAL_RUNC=$root/usr/sbin/runc PATH=$root/usr/sbin:$root/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    setsid unshare --mount --propagation private "$HERE/engine/run-dockerd" "$(new_engine_cgroup)" \
    --host "unix://$(engine_socket)" --data-root "$STATE/engine" --exec-root "$RUN/exec" --pidfile "$RUN/docker.pid" \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$KEY" \
    --bridge none --iptables=false --ip-masq=false --ip-forward=false \
    "${run_as[@]}" >"$RUN/log" 2>&1 </dev/null &
  local process=$!
  wait_until 30 "the engine's answer" engine_answers_or_dead "$process"
  engine_answers || {
    tail -n 5 "$RUN/log" >&2
    die "the engine did not start; its log is $RUN/log"
  }
  with_lock new_engine_network
}

# A subnet is free only until another engine takes it: under the lock. No IPv6, no masquerading: nodes need no way out.
new_engine_network() {
  docker network create --driver bridge --opt "com.docker.network.bridge.name=$(engine_bridge)" \
    --opt com.docker.network.bridge.enable_ip_masquerade=false "$KEY" >/dev/null
}

# Bit 24 of the bounding set; see engine/runc.
machine_has_sys_resource() {
  local bounding
  bounding=$(awk '$1 == "CapBnd:" {print $2}' /proc/self/status)
  (((0x$bounding >> 24) & 1))
}

# Makes the engine's own control group and prints the file to join it by. On cgroup v1 one hierarchy is enough to find it again.
new_engine_cgroup() {
  local mount=/sys/fs/cgroup
  [[ -f $mount/cgroup.controllers ]] || mount=$mount/pids
  mkdir -p "$mount/$KEY/engine"
  echo "$mount/$KEY/engine/cgroup.procs"
}

engine_cgroups() { find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d -name "$KEY" 2>/dev/null; }

engine_processes() {
  local group
  for group in $(engine_cgroups); do find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null; done | sort -u
}

# Killed, not asked: nothing in a cluster that goes away is worth a clean end, and this way works without the engine's help.
engine_remove() {
  kill_engine_processes
  remove_engine_links
  unmount_below "$RUN" "$STATE/engine"   # its own mounts were private and are gone: only what somebody made by hand
  # A dead process keeps its group until its parent has taken note.
  wait_until 60 "the removal of control groups $KEY" remove_engine_cgroups
  rm -rf --one-file-system "$RUN" "$STATE/engine"
  remove_hidden_folders
}

kill_engine_processes() {
  local deadline=$((SECONDS + 30)) processes
  while processes=$(engine_processes) && [[ -n $processes ]]; do
    ((SECONDS < deadline)) || die "processes of $KEY do not die: $(tr '\n' ' ' <<<"$processes")"
    thaw_engine_cgroups
    # shellcheck disable=SC2086  # one word per process
    kill -KILL $processes 2>/dev/null || true   # some have died since they were listed
    sleep 0.1
  done
}

# What is frozen does not die: a node that is paused, and (cgroup v1) what runc was just setting up, which freezes it for a moment,
# when runc itself was killed.
thaw_engine_cgroups() {
  local group state
  for group in $(engine_cgroups); do
    while read -r state; do
      case $state in
        */freezer.state) echo THAWED >"$state" ;;
        *) echo 0 >"$state" ;;
      esac 2>/dev/null || true   # it may be gone by now
    done < <(find "$group" \( -name freezer.state -o -name cgroup.freeze \) 2>/dev/null)
  done
}

# The links to the nodes go before the bridge and by name: a killed node's network namespace, and the link's end in it, lives on for
# minutes while the kernel tries to close connections that nobody answers any more.
remove_engine_links() {
  local bridge link
  bridge=$(engine_bridge)
  ip link show "$bridge" >/dev/null 2>&1 || return 0
  ip -o link show master "$bridge" | sed -E 's/^[0-9]+: ([^@:]+).*/\1/' | while read -r link; do
    ip link delete "$link" 2>/dev/null || ! ip link show "$link" >/dev/null 2>&1   # a node's last process may take it along
  done
  ip link delete "$bridge"
}

remove_engine_cgroups() {
  local group
  kill_engine_processes   # one may have been born while the others died
  for group in $(engine_cgroups); do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || return 1; done
}

# Mount points that engine/run-dockerd made. Another engine of ours sees its own mounts there, and removing them would detach those.
remove_hidden_folders() {
  compgen -G '/run/tradingbot-*' >/dev/null || rmdir /run/containerd /run/docker /etc/docker 2>/dev/null || true   # not empty: somebody else's
}
