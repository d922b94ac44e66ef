"""``v1.PodLogOptions``, as the query of ``pods/log`` says them."""

from __future__ import annotations

import re
from typing import Final, Literal

from aiohttp import web
from msgspec import Struct

from nsrunner.api import errors
from nsrunner.api.streams.pods import flag
from nsrunner.errors import FieldError
from nsrunner.model.printing.ages import parse_time

__all__ = ["LogOptions", "log_options"]

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_STREAMS: Final = ("All", "Stderr", "Stdout")


class LogOptions(Struct, frozen=True, kw_only=True):
    """Which part of a log is asked for."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    since: float | None = None
    """Seconds since the epoch."""
    tail_lines: int | None = None
    limit_bytes: int | None = None
    stream: Literal["", "stdout", "stderr"] = ""
    """Empty: both."""


def log_options(request: web.Request, name: str, now: float) -> LogOptions:
    """``name``: the pod's; ``now``: in seconds since the epoch. Raises ApiError (400, 422)."""
    query = request.query
    tail, limit, seconds = (_number(request, each) for each in ("tailLines", "limitBytes", "sinceSeconds"))
    moment, stream = query.get("sinceTime", ""), query.get("stream", "") or "All"
    since = parse_time(moment) if moment else None
    if moment and since is None:
        raise errors.bad_request(f'parsing time "{moment}" as "2006-01-02T15:04:05Z07:00": cannot parse (sinceTime)')
    wrong = []
    if tail is not None and tail < 0:
        wrong.append(FieldError("tailLines", "Invalid value", str(tail), "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        wrong.append(FieldError("limitBytes", "Invalid value", str(limit), "must be greater than 0"))
    if moment and seconds is not None:
        wrong.append(
            FieldError("", "Forbidden", detail="at most one of `sinceTime` or `sinceSeconds` may be specified")
        )
    elif seconds is not None and seconds < 1:
        wrong.append(FieldError("sinceSeconds", "Invalid value", str(seconds), "must be greater than 0"))
    if stream not in _STREAMS:
        supported = ", ".join(f'"{each}"' for each in _STREAMS)
        wrong.append(FieldError("stream", "Unsupported value", f'"{stream}"', f"supported values: {supported}"))
    elif stream != "All" and tail is not None:
        detail = "`tailLines` and specific `stream` are mutually exclusive for now"
        wrong.append(FieldError("", "Forbidden", detail=detail))
    if wrong:
        raise errors.invalid("PodLogOptions", name, wrong)
    return LogOptions(
        container=query.get("container", ""),
        follow=flag(request, "follow"),
        previous=flag(request, "previous"),
        timestamps=flag(request, "timestamps"),
        since=now - seconds if seconds is not None else since,
        tail_lines=tail,
        limit_bytes=limit,
        stream="" if stream == "All" else stream.lower(),  # type: ignore[arg-type] # one of the two
    )


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name, "")
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax (query parameter {name})')
    return int(text)
