"""``nsrunner simulate``: what would become of a pod, hours of it in milliseconds, without running anything."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from . import exits
from .output import Palette, colour_wanted, escape, escape_block, say, terminal_width, write
from .parser import Parser

if TYPE_CHECKING:
    from ..lifecycle.simulate import Recording, Timeline
    from ..model.types import Pod

__all__ = ["parser", "run"]

_USAGE: Final = """\
nsrunner simulate FILE... [--scenario FILE] [-o json|gantt|svg]
       nsrunner simulate [FILE...] --replay RECORDING [-o json|gantt|svg]"""

_DESCRIPTION: Final = """\
Show what becomes of a pod, and when: states of its containers, phase, conditions, events, restarts. The same engine as
in 'nsrunner run' decides, but time jumps, no process is started, and root is not needed.

A scenario (docs/simulate.md) says what the containers, their probes, hooks and images do, and what somebody does to the
pod, when; without one all goes well for an hour. A recording is what 'nsrunner run --record' or '-o json' wrote: played
again, its events must give its states; with a manifest they are played to that one's pod instead.
"""

_EPILOG: Final = """\
a scenario:
  until: 10m
  containers:
    api:
      runs:
        - {exit: 1, after: 3s, times: 3}     # then it runs
      probes:
        readiness:
          - {from: 2m, to: 3m, result: failure}
  actions:
    - {at: 5m, delete: {gracePeriod: 30}}

examples:
  nsrunner simulate pod.yaml --scenario crash.yaml
  nsrunner simulate pod.yaml --scenario crash.yaml -o gantt
  nsrunner simulate pod.yaml --scenario crash.yaml -o svg > crash.svg
  nsrunner run pod.yaml --record run.json; nsrunner simulate --replay run.json

exit codes:
  0  it was simulated
  1  a replay gave other states than those recorded
  2  bad usage, or a manifest, scenario or recording with mistakes
"""

_RECORDING_SIZE: Final = 1 << 30
"""Bytes; weeks of a pod that is probed every second."""


def parser() -> Parser:
    verb = Parser("nsrunner simulate", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("files", nargs="*", metavar="FILE", help="a manifest (YAML or JSON); - is standard input")
    # metavar FILE: the shells complete file names there
    verb.add_argument("-s", "--scenario", metavar="FILE", help="what happens, and when (YAML or JSON)")
    verb.add_argument("--replay", metavar="FILE", help="play what 'nsrunner run --record' has recorded")
    verb.add_argument("--pod", metavar="NAME", help="the pod, where there are several")
    verb.add_argument("-n", "--namespace", default="default", metavar="NAME", help="for objects that name none")
    verb.add_argument(
        "-o",
        "--output",
        choices=["json", "gantt", "svg"],
        metavar="FORMAT",
        help="json: events and timeline, as 'run --record' writes them; gantt: a chart of characters; svg: a picture",
    )
    return verb


def run(options: argparse.Namespace) -> int:
    from ..errors import ManifestError, UsageError

    try:
        return _run(options)
    except (ManifestError, UsageError) as error:
        say(f"nsrunner: {error}")
        return exits.USAGE


def _run(options: argparse.Namespace) -> int:
    from ..errors import UsageError

    if options.replay is not None and options.scenario is not None:
        raise UsageError("--scenario and --replay exclude each other: a recording says what happened")
    if options.replay is None:
        if not options.files:
            raise UsageError("no manifest was given, and no --replay. See 'nsrunner simulate --help'.")
        recording = _simulated(options, _pod(options))
        _show(recording, options.output)
        return exits.OK
    recording = _recorded(options)
    pod = _pod(options) if options.files else None
    return _replayed(recording, pod, options.output)


def _pod(options: argparse.Namespace) -> Pod:
    """The one that is meant, with what the API server would have given it, the same every time."""
    import uuid

    from msgspec.structs import replace

    from ..errors import UsageError
    from ..model.types import Pod
    from .manifest import chosen_objects

    chosen = [options.pod] if options.pod is not None else []
    objects = chosen_objects(options.files, namespace=options.namespace, pods=chosen)
    pods = [item for item in objects if isinstance(item, Pod)]
    if len(pods) > 1:
        names = ", ".join(pod.metadata.name or "" for pod in pods)
        raise UsageError(f"there are {len(pods)} pods: choose one of {names} with --pod")
    meta = pods[0].metadata
    name = meta.name or f"{meta.generate_name or 'pod-'}xxxxx"
    uid = meta.uid or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{meta.namespace}.nsrunner.dev"))
    return replace(pods[0], metadata=replace(meta, name=name, uid=uid, generation=meta.generation or 1))


def _simulated(options: argparse.Namespace, pod: Pod) -> Recording:
    from ..errors import UsageError
    from ..lifecycle.simulate import Endless, Recorder, Scenario, read_scenario, simulate
    from .manifest import read_file

    scenario = Scenario()
    if options.scenario is not None:
        name = "standard input" if options.scenario == "-" else options.scenario
        scenario = read_scenario(read_file(options.scenario), name, pod)
    recorder = Recorder()
    try:
        end, why = simulate(pod, scenario, recorder)
    except Endless as error:
        raise UsageError(f"{options.scenario}: {error}") from None
    return recorder.recording(why, end)


def _recorded(options: argparse.Namespace) -> Recording:
    from ..errors import UsageError
    from ..lifecycle.simulate import parse
    from .manifest import read_file

    recordings = parse(read_file(options.replay, _RECORDING_SIZE), options.replay)
    names = [recording.pod.metadata.name for recording in recordings]
    if options.pod is not None and options.pod not in names:
        raise UsageError(f'{options.replay}: no pod "{options.pod}"; there is {", ".join(map(str, names))}')
    chosen = [each for each in recordings if options.pod in (None, each.pod.metadata.name)]
    if len(chosen) != 1:
        raise UsageError(f"{options.replay}: there are {len(chosen)} pods: choose one with --pod")
    return chosen[0]


def _replayed(recording: Recording, pod: Pod | None, output: str | None) -> int:
    from msgspec.structs import replace

    from ..lifecycle.simulate import difference, replay

    timeline = replay(recording, pod)
    _show(replace(recording, timeline=timeline), output)
    found = difference(recording.timeline, timeline)
    if found is None:
        return exits.OK
    say("nsrunner: the replay differs from what was recorded:")
    for whose, entry in zip(("recorded", "replayed"), found, strict=True):
        from .timeline_table import described

        what = "nothing more" if entry is None else f"at {entry.time:g}s {', '.join(filter(None, described(entry)))}"
        say(f"  {whose}: {escape(what)}")
    return exits.FAILED


def _show(recording: Recording, output: str | None) -> None:
    timeline, name = recording.timeline, recording.pod.metadata.name or ""
    match output:
        case "json":
            import json

            from ..lifecycle.simulate import dump

            write(json.dumps(dump([recording]), indent=1) + "\n")
        case "gantt":
            from .gantt import chart

            chart_width = terminal_width(sys.stdout) or 80
            write(chart(timeline, width=chart_width, palette=Palette(colour_wanted(sys.stdout))))
            write(_why(timeline))
        case "svg":
            from .svg import picture

            write(picture(timeline, f"Pod {name}"))
        case _:
            from .timeline_table import as_table

            write(as_table(timeline))


def _why(timeline: Timeline) -> str:
    from ..lifecycle.text import go_duration

    return escape_block(f"{go_duration(round(timeline.end, 3))}: {timeline.why}") + "\n"
