"""Where a host comes from: every source ends in a `Topology`."""
