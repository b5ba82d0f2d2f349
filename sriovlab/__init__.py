"""Teach and draw SR-IOV."""
