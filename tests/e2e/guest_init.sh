#!/bin/busybox sh
# The guest's first process: enables VFs, binds them, runs the capture script as root and as an ordinary
# user, writes down what lspci and sysfs say, and puts it all on the disk it was given. No part of sriovlab.
export PATH=/usr/bin:/bin:/sbin:/usr/sbin
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
chmod 1777 /tmp
hostname e2e-guest
for m in virtio_pci virtio_blk nvme vfio vfio-pci vfio_iommu_type1; do modprobe $m 2>/dev/null; done
sleep 1
disk=
for b in /sys/block/vd*; do [ "$(cat $b/serial 2>/dev/null)" = exchange ] && disk=/dev/${b##*/}; done
mkdir /tmp/out /tmp/in; tar xf $disk -C /tmp/in
O=/tmp/out
D=/sys/bus/pci/devices
for f in $D/*/sriov_totalvfs; do PF=${f%/sriov_totalvfs}; PF=${PF##*/}; done
C=/dev/$(ls $D/$PF/nvme | head -1)
# the order of QEMU's guide: release flexible resources, reset, enable, assign, online, bind
nvme virt-mgmt $C -c 0 -r 1 -a 1 -n 0; nvme virt-mgmt $C -c 0 -r 0 -a 1 -n 0; nvme reset $C; sleep 1
echo 0 > $D/$PF/sriov_drivers_autoprobe
echo 4 > $D/$PF/sriov_numvfs || echo "E2E: sriov_numvfs failed"
nvme virt-mgmt $C -c 2 -r 0 -a 8 -n 2; nvme virt-mgmt $C -c 2 -r 1 -a 8 -n 1; nvme virt-mgmt $C -c 2 -a 9
bind() { v=$(basename $(readlink $D/$PF/virtfn$1)); echo $2 > $D/$v/driver_override; echo $v > /sys/bus/pci/drivers/$2/bind || echo "E2E: bind $v failed"; }
bind 0 vfio-pci; bind 1 nvme
sleep 1
# a process that holds the VF as QEMU does
group=$(basename $(readlink $D/$PF/virtfn0/iommu_group))
cat > /tmp/holder.py <<'P'
import os, sys, time
os.open("/dev/vfio/vfio", os.O_RDWR); os.open("/dev/vfio/" + sys.argv[1], os.O_RDWR)
print("E2E: holding", flush=True); time.sleep(600)
P
(exec -a qemu-system-x86_64 /usr/bin/python3 /tmp/holder.py $group -name guest=e2e-vm,debug-threads=on -smp 2 -m 512) &
sleep 2
python3 /tmp/in/capture.py --keep-identity -o $O/root.json || echo "E2E: capture failed"
python3 /tmp/in/capture.py -o $O/redacted.json || echo "E2E: redacted capture failed"
python3 -c 'import os; os.setgroups([]); os.setgid(65534); os.setuid(65534); os.execv("/usr/bin/python3", ["python3", "/tmp/in/capture.py", "--keep-identity", "-o", "/tmp/user.json"])' || echo "E2E: capture as user failed"
cp /tmp/user.json $O/
lspci -D -vvv -n > $O/lspci.txt
find /sys/kernel/iommu_groups -type l | sed 's#.*/iommu_groups/\([0-9]*\)/devices/#\1 #' > $O/groups.txt
for d in $D/*; do n=${d##*/}; echo "$n $(cat $d/vendor) $(cat $d/device) $(cat $d/class) $(cat $d/numa_node) $(basename "$(readlink $d/driver)" 2>/dev/null)"; done > $O/devices.txt
for d in $D/$PF/virtfn*; do echo "${d##*/virtfn} $(basename $(readlink $d))"; done > $O/vfs.txt
for f in totalvfs numvfs offset stride vf_device; do echo "$f $(cat $D/$PF/sriov_$f)"; done > $O/sriov.txt
echo $PF > $O/pf.txt; echo $group > $O/held-group.txt
cd $O && tar cf /tmp/out.tar . && { dd if=/tmp/out.tar of=$disk bs=1M conv=fsync 2>/dev/null; echo "E2E: DONE"; }
sync; poweroff -f
