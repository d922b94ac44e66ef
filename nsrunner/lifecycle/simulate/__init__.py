"""Pods in virtual time: the machine of :mod:`nsrunner.lifecycle.pod`, a scripted world, and what became visible when.

::

    scenario = read_scenario(data, "crash.scenario.yaml", pod)
    recorder = Recorder()
    end, why = simulate(pod, scenario, recorder)
    timeline = recorder.recording(why, end).timeline

The same observer in a real run gives the same kind of recording, and :func:`replay` plays either again. Pure, as the
whole layer is.
"""

from __future__ import annotations

from nsrunner.lifecycle.simulate.engine import Endless, simulate
from nsrunner.lifecycle.simulate.recording import Recorder, Recording, difference, dump, parse, replay
from nsrunner.lifecycle.simulate.scenario import Scenario
from nsrunner.lifecycle.simulate.scenario_file import read_scenario
from nsrunner.lifecycle.simulate.timeline import Timeline

__all__ = [
    "Endless",
    "Recorder",
    "Recording",
    "Scenario",
    "Timeline",
    "difference",
    "dump",
    "parse",
    "read_scenario",
    "replay",
    "simulate",
]
