#!/bin/bash
# One machine: process 1 of its own network, process, host-name and mount namespaces.
# usage: body.sh ID ADDRESS[,PUBLIC_ADDRESS] FOLDER...    the FOLDERs of the machine it sees; it finds $WORK, $NODE_ENV, $VENV
set -eu
id=$1 addresses=$2; shift 2
disk=$WORK/nodes/$id; mkdir -p "$disk"/{tmp,root,home,run}

for _ in $(seq 200); do ip link show eth0 > /dev/null 2>&1 && break; sleep 0.05; done  # plugged in from outside
ip link set lo up; ip link set eth0 up
for address in ${addresses//,/ }; do ip addr add "$address/32" dev eth0; done
ip route add default dev eth0 src "${addresses%%,*}"

# Its own /tmp, /root, /home, /run and shared memory; the FOLDERs are put aside and back in their places.
mount -t tmpfs none /dev/shm
mkdir /dev/shm/disk; mount --bind "$disk" /dev/shm/disk
n=0; for folder; do mkdir /dev/shm/$n; mount --bind "$folder" /dev/shm/$n; n=$((n + 1)); done
for folder in tmp root home run; do mount --bind /dev/shm/disk/$folder /$folder; done
n=0; for folder; do mkdir -p "$folder"; mount --move /dev/shm/$n "$folder"; n=$((n + 1)); done
umount /dev/shm/disk; rm -rf /dev/shm/*
chmod 1777 /tmp; chmod 700 /root; ln -sfn /root /home/ubuntu
hostname "ip-${addresses%%,*}"
printf '127.0.0.1 localhost\n%s %s\n' "${addresses%%,*}" "$(hostname)" > /run/hosts; mount --bind /run/hosts /etc/hosts

cp "$NODE_ENV" /root/.bashrc
mkdir -p /root/.local/bin; ln -s "$VENV" /root/venv
mkdir -p /run/sshd
cat > /run/sshd/config <<C
HostKey $WORK/keys/host
AuthorizedKeysFile $WORK/keys/user.pub
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
C
"$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f /run/sshd/config  # a child: bash reaps what Ray orphans
