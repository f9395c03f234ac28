# shellcheck shell=bash
# The node image as the private engine keeps it: an engine unpacks and hashes the archive for ten seconds, the next one takes the result.

node_layers_dir() { echo "$CACHE/node-layers-$(recipe_hash <(node_image_recipe; engine_packages_dir))"; }

# An engine's image store is consistent while nothing but the import has ever run in it.
keep_node_layers() {
  local work
  [[ ! -d $(node_layers_dir) ]] || return 0
  work=$(new_work_folder)
  copy_layers "$STATE/engine" "$work"
  mv "$work" "$(node_layers_dir)"
}

# Before the engine starts.
take_node_layers() {
  [[ -d $(node_layers_dir) ]] || return 0
  copy_layers "$(node_layers_dir)" "$STATE/engine"
  touch "$(node_layers_dir)"   # in use, see forget_old_builds
}

# copy_layers FROM TO: nobody ever writes to a layer that is there, so that links do, where both are on one file system.
copy_layers() {
  cp --archive "$1/image" "$2/"
  cp --archive --link "$1/overlay2" "$2/" 2>/dev/null || cp --archive --remove-destination "$1/overlay2" "$2/"
}
