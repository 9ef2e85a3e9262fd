#!/bin/busybox sh
# Binds a PCI function to vfio-pci and prints the device for iommufd.
[ $# = 1 ] || { echo "usage: lab-vfio-bind 0000:00:02.0" >&2; exit 2; }
device=/sys/bus/pci/devices/$1
[ -d "$device" ] || { echo "lab-vfio-bind: no PCI function $1; there are: $(ls /sys/bus/pci/devices | tr '\n' ' ')" >&2; exit 2; }
echo vfio-pci >"$device/driver_override"
if [ "$(basename "$(readlink "$device/driver")")" != vfio-pci ]; then
    [ -e "$device/driver" ] && echo "$1" >"$device/driver/unbind"
    echo "$1" >/sys/bus/pci/drivers_probe
fi
name=$(ls "$device/vfio-dev" 2>/dev/null)
[ -n "$name" ] || { echo "lab-vfio-bind: vfio-pci does not take $1, see dmesg" >&2; exit 1; }
echo "/dev/vfio/devices/$name"
