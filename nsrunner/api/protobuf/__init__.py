"""Protobuf: the bodies that Kubernetes' clients send, and the encoding of the OpenAPI documents."""

from nsrunner.api.protobuf.bodies import decode_body
from nsrunner.api.protobuf.wire import WireError, fields, message, text, varint

__all__ = ["WireError", "decode_body", "fields", "message", "text", "varint"]
