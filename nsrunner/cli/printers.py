"""Objects in the forms of ``-o`` that are no table of the server's: json, yaml, name, jsonpath, custom-columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .output import Column, escape, table
from .parser import Misuse

if TYPE_CHECKING:
    from .jsonpath import JsonPath

__all__ = ["FORMS", "Printer", "as_list", "name_of", "printer", "to_yaml"]

Json: TypeAlias = dict[str, Any]
Printer: TypeAlias = Callable[[Sequence[Json], bool], str]
"""Objects, and whether they are to be shown as one List (False: there is one, by itself), to text."""

FORMS: Final = (
    "custom-columns=",
    "custom-columns-file=",
    "json",
    "jsonpath=",
    "jsonpath-as-json=",
    "jsonpath-file=",
    "name",
    "wide",
    "yaml",
)


def printer(form: str, *, headers: bool = True, managed_fields: bool = False) -> Printer:
    """Raises Misuse for a form that there is not, JsonPathError."""
    kind, equals, argument = form.partition("=")
    if kind == "json" and not equals:
        return lambda objects, several: _json(_whole(objects, several, managed_fields))
    if kind == "yaml" and not equals:
        return lambda objects, several: to_yaml(_whole(objects, several, managed_fields))
    if kind == "name" and not equals:
        return lambda objects, several: "".join(f"{name_of(item)}\n" for item in objects)
    if kind in ("jsonpath", "jsonpath-as-json", "jsonpath-file") and equals:
        from .jsonpath import JsonPath
        from .manifest import read_file

        path = JsonPath(read_file(argument).decode(errors="replace") if kind == "jsonpath-file" else argument)
        if kind == "jsonpath-as-json":
            return lambda objects, several: _json(path.find(_whole(objects, several, managed_fields)))
        return lambda objects, several: path.render(_whole(objects, several, managed_fields))
    if kind == "custom-columns" and equals:
        return _custom_columns(argument, headers=headers)
    if kind == "custom-columns-file" and equals:
        return _custom_columns(_columns_of(argument), headers=headers)
    if kind in ("jsonpath", "jsonpath-as-json", "custom-columns"):
        raise Misuse(f"-o {kind}: a template is missing, such as -o {kind}={_EXAMPLES[kind]}")
    raise Misuse(
        f'unable to match a printer suitable for the output format "{form}", allowed formats are: {", ".join(FORMS)}'
    )


_EXAMPLES: Final = {
    "jsonpath": "'{.items[*].metadata.name}'",
    "jsonpath-as-json": "'{.items[*].metadata.name}'",
    "custom-columns": "NAME:.metadata.name",
}


def name_of(item: Mapping[str, Any]) -> str:
    """``pod/web``"""
    return f"{str(item.get('kind', '')).lower()}/{(item.get('metadata') or {}).get('name', '')}"


def as_list(items: Sequence[Json]) -> Json:
    return {"apiVersion": "v1", "items": list(items), "kind": "List", "metadata": {"resourceVersion": ""}}


def _whole(objects: Sequence[Json], several: bool, managed_fields: bool) -> Json:
    kept = objects if managed_fields else [_without_managed_fields(item) for item in objects]
    return as_list(kept) if several else kept[0]


def _without_managed_fields(item: Json) -> Json:
    """As kubectl shows objects, unless it is asked for them."""
    metadata = item.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return item
    return {**item, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}


def _json(value: Any) -> str:
    return json.dumps(value, indent=4, ensure_ascii=False, sort_keys=True) + "\n"


def to_yaml(value: Any) -> str:
    """As ``kubectl -o yaml`` writes it: sorted keys, no line broken, text of several lines as it is."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # which of the two is not known
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, data: str) -> Any:
        tag = "tag:yaml.org,2002:str"
        if "\n" in data and all(line == line.rstrip() for line in data.split("\n")):
            return dumper.represent_scalar(tag, data, style="|")
        quoted = dumper.resolve(yaml.ScalarNode, data, (True, False)) != tag  # as text only in quotes
        return dumper.represent_scalar(tag, data, style='"' if quoted or not data else None)

    Dumper.add_representer(str, text)
    written: str = yaml.dump(
        value, Dumper=Dumper, sort_keys=True, allow_unicode=True, default_flow_style=False, width=1 << 30
    )
    return written


# --- columns of the user's --------------------------------------------------------------------------------------------


def _custom_columns(argument: str, *, headers: bool) -> Printer:
    from .jsonpath import JsonPath, relaxed

    columns: list[tuple[str, JsonPath]] = []
    for part in argument.split(","):
        title, colon, path = part.partition(":")
        if not colon:
            raise Misuse(f"unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>")
        columns.append((title, JsonPath(relaxed(path))))

    def show(objects: Sequence[Json], several: bool) -> str:
        rows = [[",".join(map(_go, path.find(item))) or "<none>" for _, path in columns] for item in objects]
        return table([Column(title=escape(title)) for title, _ in columns], rows, width=None, headers=headers)

    return show


def _columns_of(path: str) -> str:
    """A file with the titles in its first line and the paths below them, as one argument. Raises Misuse."""
    from .manifest import read_file

    lines = [line.split() for line in read_file(path).decode(errors="replace").splitlines() if line.strip()]
    if len(lines) != 2 or len(lines[0]) != len(lines[1]):
        raise Misuse(f"{path}: two lines are expected, one of titles and one of as many paths")
    return ",".join(f"{title}:{place}" for title, place in zip(*lines, strict=True))


def _go(value: Any) -> str:
    """A value as Go's ``%v`` prints it, which is what kubectl puts into these columns."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_go, value))}]"
    return "<none>" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
