#!/usr/bin/env bash
# A disposable, real Linux device: this host's own files under an overlay, with its own systemd, processes, network, mounts, host name
# and clock of uptime. It boots in about a second, downloads nothing and leaves nothing behind.
#
#   linux-device.sh start  NAME [OWNER_PID]      boots NAME; prints its addresses as KEY=VALUE lines
#   linux-device.sh exec   NAME PROGRAM [ARG…]   runs PROGRAM inside, with this terminal's input and output
#   linux-device.sh peer   NAME PROGRAM [ARG…]   runs PROGRAM on the peer, a second host that only the device can reach
#   linux-device.sh reboot NAME                  cuts the power and boots again: the disk stays, memory, processes and network do not
#   linux-device.sh stop   NAME                  cuts the power and removes everything
#   linux-device.sh sweep                        stops every device whose owner process is gone
#
# Network:  server (this host) ── eth0 [device] eth1 ── peer.  Both links carry IPv4 and IPv6; nothing is routed between them.
#
# What a device consists of, and therefore what `stop` must undo:
#   $run/NAME/            its state: owner, init, cable, console.log
#   $run/NAME/disk        a tmpfs with the overlay's upper layer; outlives a reboot
#   $run/subnet-N         the number N of its two subnets, taken by creating the folder
#   network namespaces    rd-N (made anew at each boot) and rp-N (the peer)
#   cgroup                recourse-device-NAME
# The host's name is its own, and so is what it mounts: nothing it does reaches this host, except memory and time.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
run=/run/recourse-devices
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

die() { echo "linux-device: $*" >&2; exit 1; }

# A process is named by number and start time, since numbers are used again.
start_time_of() { local stat; stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0; set -- ${stat##*) }; echo "${20}"; }

take_name() {
  name=${1:?a device name}
  [[ $name =~ ^[a-z0-9][a-z0-9-]{0,47}$ ]] || die "a name is a-z, 0-9 and -, at most 48 characters: $name"
  state=$run/$name
  cgroup=$cgroups/recourse-device-$name
}

load() {
  [ -s "$state/cable" ] || die "no device $name"
  number=$(cat "$state/cable")
  net=rd-$number peer_net=rp-$number host_link=rd-$number-host
}

init_of() { cat "$state/init" 2>/dev/null || die "$name is not running"; }

addresses() {
  cat <<TEXT
SERVER_V4=10.213.$number.1
SERVER_V6=fd72:6563:$number::1
DEVICE_V4=10.213.$number.2
DEVICE_V6=fd72:6563:$number::2
PEER_V4=10.214.$number.1
PEER_V6=fd72:7065:$number::1
DEVICE_TO_PEER_V4=10.214.$number.2
DEVICE_TO_PEER_V6=fd72:7065:$number::2
TEXT
}

# The smallest free number; creating the folder is the lock.
take_number() {
  for number in $(seq 1 250); do
    mkdir "$run/subnet-$number" 2>/dev/null || continue
    echo "$name" >"$run/subnet-$number/device"
    echo "$number" >"$state/cable"
    return
  done
  die 'all 250 subnets are taken'
}

address() { ip -netns "$1" address add "$3" dev "$2" ${4:-}; }

plug_in_peer() {
  ip netns add "$peer_net"
  ip -netns "$peer_net" link set lo up
}

# The device's ends stay down and without address: bringing them up is the work of its own network service, as on any machine.
plug_in_network() {
  ip netns add "$net"
  ip link add "$host_link" type veth peer name eth0 netns "$net"
  ip address add "10.213.$number.1/24" dev "$host_link"
  ip address add "fd72:6563:$number::1/64" dev "$host_link" nodad
  ip link set "$host_link" up
  ip -netns "$net" link add eth1 type veth peer name eth0 netns "$peer_net"
  address "$peer_net" eth0 "10.214.$number.1/24"
  address "$peer_net" eth0 "fd72:7065:$number::1/64" nodad
  ip -netns "$peer_net" link set eth0 up
}

# Removing a namespace returns before its links are gone, so the links go first.
unplug_network() {
  ip link delete "$host_link" 2>/dev/null || true
  ip -netns "$peer_net" link delete eth0 2>/dev/null || true
  ip netns delete "$net" 2>/dev/null || true
}

kill_everything() {
  [ -d "$cgroup" ] || return 0
  echo 1 >"$cgroup/cgroup.kill" 2>/dev/null || true
  [ ! -s "$state/init" ] || kill -KILL "$(cat "$state/init")" 2>/dev/null || true
  for _ in $(seq 3000); do
    if find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null; then break; fi
    sleep 0.02
  done
  rm -f "$state/init"
  [ ! -d "$cgroup" ] || die "$name still has processes"
}

boot() {
  mkdir -p "$cgroup/console"
  # In a subshell that has moved into the device's cgroup, so that the cgroup namespace is rooted there.
  (
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    exec setsid nsenter --net="/run/netns/$net" \
      unshare --mount --pid --fork --kill-child --uts --ipc --cgroup --propagation private \
      "$here/linux-device-init.sh" "$name" "$state" "$number"
  ) </dev/null >>"$state/console.log" 2>&1 &
  disown
  local status=none
  for _ in $(seq 3000); do
    sleep 0.05
    [ -s "$state/init" ] || continue
    status=$(enter systemctl is-system-running 2>/dev/null) || true
    case $status in running | degraded) return ;; esac
  done
  tail -n 30 "$state/console.log" >&2
  die "$name did not come up (systemd says: ${status:-nothing})"
}

environment=(env -i HOME=/root LANG=C.UTF-8 TERM=dumb PATH="$PATH")

# Becomes PROGRAM inside the device. Whoever kills us kills it too: nsenter waits outside, and dies without a word to its child.
enter() {
  local init
  init=$(init_of)
  echo "$BASHPID" >"$cgroup/console/cgroup.procs"
  exec nsenter --target "$init" --mount --pid --net --uts --ipc --cgroup --root --wd \
    setpriv --pdeathsig KILL "${environment[@]}" "$@"
}

start() {
  local owner=${1:-}
  mkdir -p "$run"
  sweep
  mkdir "$state" 2>/dev/null || die "$name is there already"
  echo "${owner:+$owner $(start_time_of "$owner")}" >"$state/owner"
  trap stop EXIT
  take_number
  load
  mkdir "$state/disk"
  mount -t tmpfs -o mode=755 recourse-device "$state/disk"
  plug_in_peer
  plug_in_network
  boot
  trap - EXIT
  addresses
}

reboot() {
  load
  kill_everything
  unplug_network
  plug_in_network
  boot
}

stop() {
  trap - EXIT
  [ -d "$state" ] || return 0
  kill_everything
  if [ -s "$state/cable" ]; then
    load
    unplug_network
    ip netns pids "$peer_net" 2>/dev/null | xargs -r kill -KILL
    ip netns delete "$peer_net" 2>/dev/null || true
    rm -rf "$run/subnet-$number"
  fi
  if mountpoint -q "$state/disk"; then umount "$state/disk" 2>/dev/null || umount --lazy "$state/disk"; fi
  rm -rf --one-file-system "$state"
}

sweep() {
  local folder owner began
  for folder in "$run"/*/; do
    [ -f "$folder/owner" ] || continue
    read -r owner began <"$folder/owner" || continue
    [ -n "$owner" ] && [ "$(start_time_of "$owner")" != "$began" ] || continue
    "${BASH_SOURCE[0]}" stop "$(basename "$folder")" || true
  done
  # A start that was cut off before it wrote anything else may have left its number.
  for folder in "$run"/subnet-*/; do
    [ -f "$folder/device" ] || continue
    [ -d "$run/$(cat "$folder/device")" ] || rm -rf "$folder"
  done
}

[ "$(id -u)" = 0 ] || die 'this needs root'
verb=${1:-}
[ $# -eq 0 ] || shift
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$cgroups" ] || die 'no cgroup2 hierarchy is mounted'

case $verb in
  start | exec | peer | reboot | stop)
    take_name "$@"
    shift
    case $verb in
      start) start "$@" ;;
      exec) load; enter "$@" ;;
      peer) load; exec ip netns exec "$peer_net" "${environment[@]}" "$@" ;;
      reboot) reboot ;;
      stop) stop ;;
    esac
    ;;
  sweep) sweep ;;
  *) die 'start, exec, peer, reboot, stop or sweep' ;;
esac
