"""Service accounts over HTTP: their tokens are made (``POST serviceaccounts/NAME/token``) and known again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.errors import ApiError
from nsrunner.api.registry import Json, Registry
from nsrunner.api.server.requests import body_object, read_body
from nsrunner.api.server.verbs import answer
from nsrunner.api.tokens import ISSUER, SECONDS_LEAST, Tokens, user_of
from nsrunner.errors import FieldError

__all__ = ["ServiceAccounts"]

_GROUP: Final = "authentication.k8s.io"
_SECONDS: Final = 3600


class ServiceAccounts:
    """Over the accounts and pods of the registry: a token ends with either."""

    def __init__(self, registry: Registry, tokens: Tokens, *, protobuf: Callable[[bytes], Any]) -> None:
        self._registry = registry
        self._protobuf = protobuf
        self._tokens = tokens

    def user(self, token: str) -> str:
        """Whose token it is; empty: nobody's."""
        claims = self._tokens.verify(token)
        if claims is None or self._uid("serviceaccounts", claims.namespace, claims.account) != claims.account_uid:
            return ""
        if claims.pod and self._uid("pods", claims.namespace, claims.pod) != claims.pod_uid:
            return ""
        return user_of(claims.namespace, claims.account)

    async def serve(self, request: web.Request, account: Json) -> web.StreamResponse:
        """Answers a TokenRequest. Raises ApiError."""
        if request.method != "POST":
            raise errors.method_not_allowed("serviceaccounts/token", request.method.lower())
        data = await read_body(request)
        body = body_object(data, request.content_type, self._protobuf) if data else {}
        spec = body.get("spec") if isinstance(body, dict) else None
        metadata = account["metadata"]
        audiences, seconds, bound = _asked(metadata["name"], {} if spec is None else spec)
        pod = self._pod(metadata["namespace"], bound) if bound else None
        token, expires = self._tokens.issue(
            metadata["namespace"], metadata["name"], metadata["uid"], seconds=seconds, audiences=audiences, pod=pod
        )
        until = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made: Json = {
            "kind": "TokenRequest",
            "apiVersion": f"{_GROUP}/v1",
            "metadata": {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "spec": {"audiences": list(audiences), "expirationSeconds": seconds, "boundObjectRef": bound},
            "status": {"token": token, "expirationTimestamp": until},
        }
        return answer(made, status=201)

    def _pod(self, namespace: str, bound: Mapping[str, Any]) -> Mapping[str, Any]:
        name, uid = str(bound.get("name") or ""), self._uid("pods", namespace, str(bound.get("name") or ""))
        if not uid:
            raise errors.not_found("pods", name)
        if bound.get("uid") not in (None, "", uid):
            raise errors.conflict("pods", name, f"the UID in the bound object reference ({bound['uid']}) is another")
        return {"name": name, "uid": uid}

    def _uid(self, plural: str, namespace: str, name: str) -> str:
        resource = self._registry.find("", "v1", plural)
        assert resource is not None
        try:
            uid: str = self._registry.get(resource, namespace, name)["metadata"]["uid"]
        except ApiError:
            return ""
        return uid


def _asked(name: str, spec: Any) -> tuple[tuple[str, ...], int, dict[str, Any] | None]:
    """Audiences, seconds and the object that the token is bound to. Raises ApiError (422)."""
    problems = []
    if not isinstance(spec, dict):
        raise errors.bad_request("spec: must be an object")
    audiences, seconds, bound = (
        spec.get("audiences") or [ISSUER],
        spec.get("expirationSeconds"),
        spec.get("boundObjectRef"),
    )
    seconds = _SECONDS if seconds is None else seconds
    if not (isinstance(audiences, list) and all(isinstance(each, str) for each in audiences)):
        problems.append(FieldError("spec.audiences", "Invalid value", detail="must be a list of strings"))
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not SECONDS_LEAST <= seconds <= 2**32:
        detail = "may not specify a duration less than 10 minutes"
        problems.append(FieldError("spec.expirationSeconds", "Invalid value", value=f"{seconds!r}", detail=detail))
    if bound is not None and (not isinstance(bound, dict) or bound.get("kind") != "Pod"):
        detail = "can only bind to an object of kind Pod"
        problems.append(FieldError("spec.boundObjectRef", "Invalid value", detail=detail))
    if problems:
        raise errors.invalid("TokenRequest", name, problems, _GROUP)
    return tuple(audiences), seconds, bound
