#!/bin/bash
# Make the guest of the end-to-end test: build_guest.sh FOLDER
# Leaves FOLDER/vmlinuz and FOLDER/initramfs.cpio.gz: an unmodified distribution kernel with the modules it
# needs, busybox, lspci, nvme and Python. The packages are downloaded and unpacked, never installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"; out=$(cd "$1" && pwd)
export PATH=$PATH:/usr/sbin:/sbin

depends() { apt-cache depends --no-recommends --no-suggests "$1" | awk '/^ *\|?(Pre)?Depends:/ {print $2}' | grep -E "$2" | head -1; }
if [ ! -e "$out/packages/.complete" ]; then
  [ "$(id -u)" != 0 ] || apt-get update -qq
  rm -rf "$out/packages" && mkdir -p "$out/packages" && cd "$out/packages"
  kernel=$(depends linux-image-amd64 '^linux-image-[0-9]')
  python=$(depends python3-minimal '^python3\.[0-9]+-minimal')
  version=${python%-minimal}
  chmod 755 . && apt-get download -q "$kernel" "$python" "lib$version-minimal" "lib$version-stdlib" >/dev/null 2>&1
  mkdir tree && for deb in *.deb; do dpkg -x "$deb" tree; done
  rm -f ./*.deb && touch .complete
fi
tree=$out/packages/tree
modules=$tree/lib/modules; [ -d "$modules" ] || modules=$tree/usr/lib/modules
kernel=$(basename "$(echo "$modules"/*)")
boot=$tree/boot/vmlinuz-$kernel; [ -e "$boot" ] || boot=$(ls "$modules/$kernel/vmlinuz")
cp "$boot" "$out/vmlinuz"

root=$(mktemp -d); chmod 755 "$root"; trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,sbin,etc,proc,sys,dev,tmp,run,usr/bin,usr/lib,usr/share/misc,lib/modules,lib64,work}
cp "$(command -v busybox)" "$root/bin/busybox"
install -m755 "$here/guest_init.sh" "$root/init"
carry() { # a program with its shared libraries
  cp -L "$1" "$root/usr/bin/$(basename "$1")"
  ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"; cp -Ln "$library" "$root$library"; done || true
}
carry "$(command -v lspci)"; carry "$(command -v nvme)"
cp -a "$tree/usr/bin/." "$root/usr/bin/"; cp -a "$tree/usr/lib/." "$root/usr/lib/"
rm -rf "$root/usr/lib/modules" "$root/usr/lib"/linux-image* "$root"/usr/lib/python3*/{test,idlelib,tkinter,lib2to3,ensurepip,pydoc_data}
python=$(ls "$root"/usr/bin/python3.* | grep -E 'python3\.[0-9]+$' | head -1)
ln -sf "$(basename "$python")" "$root/usr/bin/python3"
ldd "$python" | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"; cp -Ln "$library" "$root$library"; done
# Python's extension modules want a few libraries more.
find "$root/usr/lib" -name '*.so' -path '*lib-dynload*' -exec ldd {} + 2>/dev/null | grep -o '/[^ ]*\.so[^ ]*' | grep -v lib-dynload | sort -u |
  while read -r library; do [ -e "$library" ] && mkdir -p "$root$(dirname "$library")" && cp -Ln "$library" "$root$library"; done || true
mkdir -p "$root/lib/modules/$kernel"
[ -e "$modules/$kernel/modules.dep" ] || depmod -b "$(dirname "$(dirname "$modules")")" "$kernel"
for module in virtio_pci virtio_blk nvme vfio vfio-pci vfio_iommu_type1; do
  modprobe -d "$(dirname "$(dirname "$modules")")" -S "$kernel" --show-depends "$module" 2>/dev/null | awk '$1=="insmod"{print $2}'
done | sort -u | while read -r file; do
  target=$root/lib/modules/$kernel/${file#*"/modules/$kernel/"}; mkdir -p "$(dirname "$target")"
  case $file in *.xz) xz -dc "$file" > "${target%.xz}";; *.zst) zstd -qdc "$file" > "${target%.zst}";; *) cp "$file" "$target";; esac
done
cp "$modules/$kernel"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$kernel/" 2>/dev/null || true
depmod -b "$root" "$kernel"
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) | gzip -3 > "$out/initramfs.cpio.gz.new"
mv "$out/initramfs.cpio.gz.new" "$out/initramfs.cpio.gz"
