"""Kubernetes objects as typed values: decode, default, validate. Pure: bytes in, values and errors out."""
