#!/usr/bin/env bash
# The first process of a disposable device, in its new namespaces: puts the file system together, then becomes systemd.
# Called by linux-device.sh with the device's name, its state folder and the number of its subnets.
set -euo pipefail
name=$1 state=$2 number=$3
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# /proc still shows the host's numbers here, and a shell's own read is done by the shell itself.
read -r init _ </proc/self/stat

disk=$state/disk
root=$disk/root
first_boot=false
if [ ! -d "$root" ]; then
  first_boot=true
  mkdir "$disk/upper" "$disk/work" "$root"
fi
mount -t overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" overlay "$root"

mount -t proc proc "$root/proc"
# Settings of the whole kernel are this host's; those of the network are the device's own.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
[ ! -e "$root/proc/sysrq-trigger" ] || mount --bind -o ro /dev/null "$root/proc/sysrq-trigger"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

# The project is hidden when it lies in a folder that is fresh here (/tmp) or on a file system of its own; then it comes in read-only.
if [ ! -e "$root$project/package.json" ]; then
  mkdir -p "$root$project"
  mount --bind "$project" "$root$project"
  mount -o remount,bind,ro "$root$project"
fi

if $first_boot; then
  units=$root/etc/systemd/system
  # What this host has enabled is its own; what the device enables later is found again after a reboot.
  find "$units" -mindepth 1 -maxdepth 1 -name '*.wants' -exec rm -rf {} +
  for unit in getty.target console-getty.service systemd-firstboot.service systemd-timesyncd.service apt-daily.timer \
    systemd-udevd.service systemd-networkd.service systemd-resolved.service systemd-hwdb-update.service; do
    ln -sf /dev/null "$units/$unit"
  done
  : >"$root/etc/machine-id"
  rm -f "$root/etc/fstab"
  echo "$name" >"$root/etc/hostname"
  cat >"$root/etc/device-network" <<TEXT
link set lo up
address add 10.213.$number.2/24 dev eth0
address add fd72:6563:$number::2/64 dev eth0 nodad
link set eth0 up
address add 10.214.$number.2/24 dev eth1
address add fd72:7065:$number::2/64 dev eth1 nodad
link set eth1 up
TEXT
  cat >"$units/device-network.service" <<'TEXT'
[Unit]
Description=Network of this device
DefaultDependencies=no
After=network-pre.target
Before=network.target
Wants=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip -batch /etc/device-network
TEXT
  mkdir -p "$units/multi-user.target.wants"
  ln -s ../device-network.service "$units/multi-user.target.wants/device-network.service"
fi

hostname "$name"
cd "$root"
mkdir -p mnt/host
pivot_root . mnt/host
# The host is told who the first process is only now, so that nobody enters a half-built root.
echo "$init" >"/mnt/host$state/init.new"
mv "/mnt/host$state/init.new" "/mnt/host$state/init"
umount --lazy /mnt/host
exec env -i container=recourse-device PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --log-target=console --unit=multi-user.target
