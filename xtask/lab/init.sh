#!/bin/busybox sh
# The lab's /init. Ports of the virtio console: 1 is CMD's stdout, 2 its stderr, 3 tells the lab `ready` and `exit N`.
/bin/busybox --install -s /bin
# By the kernel's log, since a terminal's output is lost when the machine goes off.
give_up() {
    echo "<3>lab: $1" >/dev/kmsg
    poweroff -f
}
export PATH=/bin HOME=/root TERM="${TERM:-linux}"
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing
mount -t securityfs security /sys/kernel/security 2>/dev/null
mount -t bpf bpf /sys/fs/bpf
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
ip link set lo up 2>/dev/null
ulimit -l unlimited
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 lab /lab || give_up "cannot mount the share"
cd /lab

# The console's ports come a moment after its driver. The number in front is that of the virtio device.
port=/dev/vport*p3
[ -e /etc/lab/interactive ] && port=/dev/hvc0
for _ in $(seq 500); do
    [ -c $port ] && break
    usleep 10000
done
[ -c $port ] || give_up "there is no $port"
port=$(echo $port)

. /etc/lab/environment
if [ -n "$HWPTOP_LAB_VFIO" ]; then
    HWPTOP_LAB_VFIO_CDEV=$(lab-vfio-bind "$HWPTOP_LAB_VFIO")
    export HWPTOP_LAB_VFIO_CDEV
fi

if [ -e /etc/lab/interactive ]; then
    # The console does not tell the size of the terminal behind it, and forgets the one it is told when it is closed.
    read -r rows columns </etc/lab/interactive
    setsid -c sh -c "stty rows ${rows:-24} cols ${columns:-80}; exec sh -l" </dev/hvc0 >/dev/hvc0 2>&1
    dmesg >/lab/dmesg
    poweroff -f
fi

# Through pipes, since a port opens only once and CMD may open /dev/stdout anew.
mkfifo /run/stdout /run/stderr
{ cat /run/stdout >${port%3}1; touch /run/stdout-ended; } &
{ cat /run/stderr >${port%3}2; touch /run/stderr-ended; } &
exec 3>$port
echo ready >&3
(
    exec 3>&-
    exec sh /etc/lab/command </dev/null >/run/stdout 2>/run/stderr
)
code=$?
dmesg >/lab/dmesg
# What CMD left running may keep the pipes open.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -e /run/stdout-ended ] && [ -e /run/stderr-ended ] && break
    usleep 50000
done
echo "exit $code" >&3
sync
poweroff -f
