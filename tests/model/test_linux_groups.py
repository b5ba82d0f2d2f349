"""Groups computed from tree and ACS, beside those of real kernels."""

from __future__ import annotations

import pytest

from sriovlab.model.linux_groups import linux_groups
from sriovlab.sources.load import examples, load
from tests.conftest import require_shared


def _kernel(host):
    return {frozenset(group.functions) for group in host.iommu_groups}


def _computed(host):
    return {frozenset(members) for members in linux_groups(host.functions)}


@pytest.mark.parametrize("name", [name for name in examples() if "noiommu" not in name])
def test_the_groups_of_bundled_hosts_follow_from_their_tree_and_acs(name):
    host = load(f"example:{name}")

    assert _computed(host) == _kernel(host)


@pytest.mark.parametrize("name", ["qemu-cloud-host", "qemu-nvme-0vf-intel", "qemu-nvme-8vf-intel"])
def test_the_groups_of_captured_hosts_follow_from_their_tree_and_acs(name):
    host = load(require_shared(f"captures/{name}.tar.gz"))

    assert _computed(host) == _kernel(host)
