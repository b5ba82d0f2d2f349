"""Taking identities out of what was read: MACs, serials, UUIDs, WWNs, NQNs, addresses, host and VM names.

Each identity becomes a pseudonym that is the same throughout one snapshot, in texts, in paths, in
link targets and in the bytes of configuration spaces. What the topology is made of stays.
"""

from __future__ import annotations

import hashlib
import re
from typing import Callable, Dict, List, Optional, Pattern, Set, Tuple

from ..pci.config_space import ConfigSpace
from .processes import _arguments, _fields, _name, _options
from .reader import Reader
from .tree import RecordingTree

_SERIAL_NUMBER_CAPABILITY = 0x0003
_VPD_CAPABILITY = 0x03
_VENDOR_SPECIFIC = 0x09

_MAC = re.compile(
    r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![0-9A-Fa-f]|[:-][0-9A-Fa-f]{2}\b)"
)
_DOTTED_MAC = re.compile(r"\b[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\b")
_INFINIBAND = re.compile(r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{2}[:-]){7,19}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])")
_UUID = re.compile(r"\b[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\b")
_BARE_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])", re.IGNORECASE)
_WWN = re.compile(r"\b(?:eui|naa|wwn|nguid|uuid|t10|nvme)\.[0-9A-Za-z_.:-]{8,}", re.IGNORECASE)
_LONG_WWN = re.compile(r"\b0x[0-9a-f]{16}\b(?=[\s,]|$)", re.IGNORECASE)
_NQN = re.compile(r"\bnqn\.[0-9]{4}-[0-9]{2}\.[0-9A-Za-z.:_-]+")
_IPV4 = re.compile(r"(?<![0-9.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![0-9.])")
_ARGUMENT = re.compile(
    r"(?<![A-Za-z])((?:serial|uuid|wwn|wwpn|wwnn|eui64|eui64-default|nguid|nqn|subnqn|hostnqn|asset|sku|systemd\.hostname|hostname|host_name|domain|"
    r"macaddr|password|secret|user)\s*=\s*)(?!on\b|off\b)([^,\s\"'}&]+)",
    re.IGNORECASE,
)
_JSON_ARGUMENT = re.compile(
    r"(\"(?:serial|uuid|wwn|wwpn|eui64|nguid|nqn|subnqn|asset|mac)\"\s*:\s*\")([^\"]+)", re.IGNORECASE
)
# What is kept of a command line: flags that shape the topology, by name; the values of others go.
_SECRET_FLAGS = ("append", "uuid", "smbios", "fw_cfg", "acpitable", "object-secret", "cloud-init")

# Flags whose first word is a kind, not a name.
_TYPED_FLAGS = ("device", "machine", "accel", "cpu", "netdev", "object", "chardev", "m", "smp")
_DRIVER = re.compile(r'("(?:driver|type|qom-type)"\s*:\s*"[^"]*")')
# Files of numbers that say where things are, not who they are.
_REGISTERS = ("/resource", "/cap", "/ecap", "/features", "/class", "/vendor", "/device", "/irq")

_IDENTITY_FILES = re.compile(
    r"/(address|broadcast|permaddr|serial|subsysnqn|nguid|uuid|eui|wwid|wwn|unique_id|vpd_pg\w+|product_uuid|"
    r"product_serial|board_serial|chassis_serial|hostname|phys_switch_id|phys_port_id|node_guid|sys_image_guid|hostnqn|hostid)$"
)
_NOT_IDENTITIES = re.compile(
    r"^(0x)?[0:.-]*$|^(none|unknown|default|to be filled.*|\(null\)|ff:ff:ff:ff:ff:ff)$", re.IGNORECASE
)
_MAC_LENGTH = 17


def redact(
    tree: RecordingTree, *, host_name: Optional[str] = None
) -> Tuple[Dict[str, bytes], Dict[str, str], Dict[str, List[str]], Dict[str, int]]:
    """The recorded files, links, folders and errors of a tree, with every identity replaced."""
    redaction = _Redaction(tree, host_name)
    files = {redaction.path(p): redaction.file(p, data) for p, data in tree.files.items()}
    links = {redaction.path(p): redaction.path(target) for p, target in tree.links.items()}
    folders = {
        redaction.path(p): sorted(redaction.path(n) for n in names) for p, names in tree.folders.items()
    }
    errors = {redaction.path(p): code for p, code in tree.errors.items()}
    return files, links, folders, errors


class _Redaction:
    """The identities of one host and their pseudonyms."""

    def __init__(self, tree: RecordingTree, host_name: Optional[str]) -> None:
        self._tree = tree
        self._numbers: Dict[Tuple[str, str], int] = {}
        self._exact: Dict[str, str] = {}
        self._names: Dict[str, str] = {}
        self._collect_files()
        self._collect_machines()
        self._collect_host(host_name)
        words = sorted(self._names, key=len, reverse=True)
        self._name_pattern: Optional[Pattern[str]] = (
            re.compile("(?<![0-9A-Za-z])(" + "|".join(map(re.escape, words)) + ")(?![0-9A-Za-z])")
            if words
            else None
        )
        exact = sorted(self._exact, key=len, reverse=True)
        self._exact_pattern: Optional[Pattern[str]] = (
            re.compile("|".join(map(re.escape, exact))) if exact else None
        )

    # -- collecting -------------------------------------------------------------------------

    def _number(self, kind: str, identity: str) -> int:
        return self._numbers.setdefault((kind, identity), 1 + sum(k == kind for k, _ in self._numbers))

    def _collect_files(self) -> None:
        for path in sorted(self._tree.files):
            if not _IDENTITY_FILES.search(path) or path.startswith("/sys/bus/pci/slots"):
                continue
            for text in self._tree.files[path].decode("utf-8", "replace").split("\n"):
                self._keep_exact(text.strip("\0 \t"))

    def _keep_exact(self, text: str) -> None:
        """A serial number or the like, wherever it stands; too short to be told from a number, it stays."""
        if _NOT_IDENTITIES.match(text) or _is_address(text):
            return
        if _MAC.fullmatch(text) or _INFINIBAND.fullmatch(text):
            for form in _forms_of_mac(text):
                self._exact[form] = self._mac(form)
        elif len(text) >= 4:
            pseudonym = self._generic(text) or f"serial-{self._number('serial', text)}"
            self._exact[text] = pseudonym

    def _collect_machines(self) -> None:
        reader = Reader(self._tree)
        for path in sorted(self._tree.files):
            match = re.fullmatch(r"(/proc/\d+)/cmdline", path)
            if match is None:
                continue
            arguments = _arguments(reader, match.group(1))
            name = _name(arguments)
            if name:
                self._names.setdefault(name, f"vm{self._number('vm', name)}")
            for flag in ("uuid",):
                for value in _options(arguments, flag):
                    self._keep_exact(value)
            for value in (
                _options(arguments, "smbios") + _options(arguments, "device") + _options(arguments, "drive")
            ):
                fields = _fields(value)
                for key in ("serial", "uuid", "asset", "sku", "wwn", "nqn", "subnqn"):
                    if key in fields:
                        self._keep_exact(fields[key])

    def _collect_host(self, host_name: Optional[str]) -> None:
        for path in ("/proc/sys/kernel/hostname", "/etc/hostname"):
            data = self._tree.files.get(path)
            if data:
                host_name = data.decode("utf-8", "replace").strip() or host_name
                self._keep_host(host_name)
        if host_name:
            self._keep_host(host_name)

    def _keep_host(self, name: Optional[str]) -> None:
        if not name or name in ("host", "localhost", "(none)"):
            return
        pseudonym = f"host{self._number('host', name)}"
        self._names.setdefault(name, pseudonym)
        short = name.split(".", 1)[0]
        if len(short) > 1:
            self._names.setdefault(short, pseudonym)

    # -- replacing --------------------------------------------------------------------------

    def _mac(self, text: str) -> str:
        digits = re.sub("[^0-9a-f]", "", text.lower())
        if digits in ("0" * len(digits), "f" * len(digits)):
            return text
        number = self._number("mac", digits)
        # Locally administered, so that it can never be somebody's.
        made = f"02{number:010x}"
        made = made + hashlib.sha256(made.encode()).hexdigest()
        made = made[: len(digits)]
        separator = next((c for c in text if c in ":-."), "")
        step = 4 if separator == "." else 2
        return separator.join(made[i : i + step] for i in range(0, len(made), step)) if separator else made

    def _hexadecimal(self, kind: str, text: str) -> str:
        digits = re.sub("[^0-9a-f]", "", text.lower())
        number = self._number(kind, digits)
        made = iter(f"{number:0{len(digits)}x}")
        return re.sub("[0-9A-Fa-f]", lambda _: next(made), text) if digits else text

    def _generic(self, text: str) -> Optional[str]:
        """The text with what looks like an identity replaced, None where nothing does."""
        found = text
        rules: Tuple[Tuple[Pattern[str], Callable[[str], str]], ...] = (
            (_NQN, lambda t: f"nqn.2014-08.org.example:{self._number('nqn', t)}"),
            (_UUID, lambda t: self._hexadecimal("uuid", t)),
            (
                _WWN,
                lambda t: (
                    t
                    if t.lower().startswith("nvme.pci")
                    else f"{t.split('.')[0]}.{self._number('wwn', t):016x}"
                ),
            ),
            (_INFINIBAND, self._mac),
            (_MAC, self._mac),
            (_DOTTED_MAC, self._mac),
            (_BARE_UUID, lambda t: self._hexadecimal("uuid", t)),
            (
                _IPV4,
                lambda t: t if t.startswith(("0.", "127.")) else f"192.0.2.{self._number('ip', t) % 256}",
            ),
        )
        for pattern, replace in rules:
            found = pattern.sub(lambda m, r=replace: r(m.group(0)), found)  # type: ignore[misc]
        return None if found == text else found

    def _argument(self, match: "re.Match[str]") -> str:
        value = match.group(2)
        if (
            _NOT_IDENTITIES.match(value)
            or re.fullmatch(r"(serial|host|vm|nqn)\S*\d+|on|off", value)
            or _is_tty(value)
        ):
            return match.group(0)
        return f"{match.group(1)}redacted-{self._number('argument', value)}"

    def text(self, text: str) -> str:
        """A text with every identity replaced."""
        if self._exact_pattern is not None:
            text = self._exact_pattern.sub(lambda m: self._exact[m.group(0)], text)
        text = self._generic(text) or text
        text = _ARGUMENT.sub(self._argument, text)
        return _JSON_ARGUMENT.sub(self._argument, text)

    def names(self, text: str) -> str:
        """A text with the names of the host and of its VMs replaced."""
        if self._name_pattern is None:
            return text
        return self._name_pattern.sub(lambda m: self._names[m.group(1)], text)

    def path(self, path: str) -> str:
        """A path or link target, redacted part by part; the parts that the kernel names stay."""
        return "/".join(part if _is_kernel_name(part) else self._path_part(part) for part in path.split("/"))

    def _path_part(self, part: str) -> str:
        text = part
        if self._exact_pattern is not None:
            text = self._exact_pattern.sub(lambda m: self._exact[m.group(0)], text)
        text = self._generic(text) or text
        return self.names(text)

    def file(self, path: str, data: bytes) -> bytes:
        """The bytes of a file with every identity replaced."""
        if path.endswith("/config") and "/pci" in path:
            return self._config(data)
        if path == "/proc/cmdline" or re.fullmatch(r"/proc/\d+/cmdline", path):
            text = data.decode("utf-8", "surrogateescape")
            parts = [self._word(before, part) for before, part in _pairs(text.split("\0"))]
            return "\0".join(parts).encode("utf-8", "surrogateescape")
        if path.endswith(_REGISTERS):
            return data
        text = self.text(data.decode("utf-8", "surrogateescape"))
        if _IDENTITY_FILES.search(path):
            text = self._world_wide_names(text)
        if (
            path.startswith(("/proc/sys/kernel/hostname", "/etc/hostname", "/proc/version"))
            or path.endswith(("/comm", "/ifalias", "/hostname"))
            or path == "/proc/interrupts"
        ):
            text = self.names(text)
        return text.encode("utf-8", "surrogateescape")

    def _world_wide_names(self, text: str) -> str:
        return _LONG_WWN.sub(lambda m: f"0x{self._number('wwn', m.group(0)):016x}", text)

    def _word(self, flag: str, part: str) -> str:
        """One argument of a command line. What names a kind of device stays, whatever a VM is called."""
        text = self._world_wide_names(self.text(self._quiet(flag, part)))
        if not flag:
            # The program itself, or the whole command line of the kernel.
            return self.names(text) if " " in text else text
        if part.startswith("-"):
            return text
        if part.startswith("{"):
            pieces = _DRIVER.split(text)
            return "".join(piece if i % 2 else self.names(piece) for i, piece in enumerate(pieces))
        if flag.lstrip("-") in _TYPED_FLAGS:
            head, comma, tail = text.partition(",")
            return head + comma + self.names(tail)
        return self.names(text)

    @staticmethod
    def _quiet(flag: str, part: str) -> str:
        """The argument after a flag that carries identities and nothing of the topology."""
        return "redacted" if flag.lstrip("-") in _SECRET_FLAGS else part

    def _config(self, data: bytes) -> bytes:
        space = ConfigSpace(data)
        changed = bytearray(data)
        for extended in space.walk_extended_capabilities()[0]:
            if extended.id == _SERIAL_NUMBER_CAPABILITY and extended.offset + 12 <= len(changed):
                place = slice(extended.offset + 4, extended.offset + 12)
                number = self._number("device serial", bytes(changed[place]).hex())
                if any(changed[place]):
                    changed[place] = number.to_bytes(8, "little")
        for capability in space.walk_capabilities()[0]:
            if capability.id == _VPD_CAPABILITY and capability.offset + 8 <= len(changed):
                changed[capability.offset + 4 : capability.offset + 8] = bytes(4)
        for form, replacement in self._byte_identities():
            at = changed.find(form)
            while at >= 0x40:
                changed[at : at + len(form)] = replacement
                at = changed.find(form, at + len(form))
        return bytes(changed)

    def _byte_identities(self) -> List[Tuple[bytes, bytes]]:
        """Known MACs as bytes, both ways round, and their pseudonyms."""
        found: List[Tuple[bytes, bytes]] = []
        done: Set[str] = set()
        for form, pseudonym in self._exact.items():
            digits = form.lower().replace(":", "")
            if len(form) == _MAC_LENGTH and ":" in form and digits not in done:
                done.add(digits)
                raw, made = bytes.fromhex(digits), bytes.fromhex(pseudonym.replace(":", ""))
                found += [(raw, made), (raw[::-1], made[::-1])]
        return found


def _pairs(parts: List[str]) -> List[Tuple[str, str]]:
    return list(zip(["", *parts], parts))


def _is_tty(value: str) -> bool:
    return bool(re.match(r"(tty|hvc|uart)", value))


def _is_address(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}(\.[0-7])?", text, re.IGNORECASE))


_KERNEL_NAME = re.compile(
    r"|\.\.?|sys|proc|etc|dev|bus|pci|devices|drivers|class|kernel|iommu(_groups?)?|net|nvme|virtual|vfio(-dev|-pci)?|fd|config|"
    r"pci[0-9a-f]{4,8}:[0-9a-f]{2}|[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}(\.[0-7])?|\d+|node\d+|vfio\d+|nvme\d+(c\d+)?(n\d+)?|"
    r"virtfn\d+|physfn|driver|subsystem|dmar\d+|ivhd\d+|platform|system|node|slots|module|parameters|cmdline|comm|status"
)


def _is_kernel_name(part: str) -> bool:
    return _KERNEL_NAME.fullmatch(part) is not None


def _forms_of_mac(text: str) -> List[str]:
    digits = re.sub("[^0-9a-f]", "", text.lower())
    pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    forms = []
    for separator in (":", "-", ""):
        form = separator.join(pairs)
        forms += [form, form.upper()]
    if len(digits) == 12:
        # The EUI-64 that IPv6 and device serial numbers make of a MAC.
        extended = [*pairs[:3], "ff", "ff", *pairs[3:]]
        forms += ["-".join(extended), ":".join(extended), "".join(extended)]
    return forms
