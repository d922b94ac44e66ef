from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nsrunner.cli import main as program
from nsrunner.cli import version
from nsrunner.cli.main import VERBS, main
from nsrunner.errors import FieldError, HostError, ManifestError, SandboxError, UsageError

SEE_PS = "See 'nsrunner ps --help'.\n"


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out, err = capsys.readouterr()
    assert not err
    for verb in VERBS:
        assert f"\n  {verb} " in out
    assert main(["help"]) == 0
    assert capsys.readouterr().out == out


def test_nothing_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "usage: nsrunner VERB" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["versoin"], 'nsrunner: unknown verb "versoin". Did you mean "version"?\nSee \'nsrunner --help\'.\n'),
        (["frobnicate\x1b"], "nsrunner: unknown verb \"frobnicate\\x1b\".\nSee 'nsrunner --help'.\n"),
        (["--frob"], "nsrunner: unknown option \"--frob\".\nSee 'nsrunner --help'.\n"),
        (["run"], "nsrunner run: the following arguments are required: FILE\nSee 'nsrunner run --help'.\n"),
        (["ps", "-x"], "nsrunner ps: unknown option: -x\n" + SEE_PS),
        (["ps", "--ouput"], 'nsrunner ps: unknown option: --ouput. Did you mean "--output"?\n' + SEE_PS),
        (["version", "now"], "nsrunner version: unknown argument: now\nSee 'nsrunner version --help'.\n"),
    ],
)  # fmt: skip
def test_usage_errors(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", message)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("columns", ["24", "40", "80", "200"])
def test_every_verb_has_help_that_fits(
    verb: str, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main([verb, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: nsrunner " + verb)
    assert not err
    if int(columns) >= 80:
        assert max(map(len, out.splitlines())) <= int(columns)
    assert main(["help", verb]) == 0
    assert capsys.readouterr().out == out


class _Verb:
    """A verb that raises."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def parser(self) -> Any:
        return version.parser()

    def run(self, options: object) -> int:
        raise self._error


@pytest.mark.parametrize(
    ("error", "code", "run_code", "message"),
    [
        (KeyboardInterrupt(), 130, 130, ""),
        (ExceptionGroup("x", [HostError("no room")]), 1, 125, "nsrunner: no room\n"),
        (BrokenPipeError(), 141, 141, ""),
        (OSError(28, "No space left on device"), 1, 125, "nsrunner: No space left on device\n"),
        (PermissionError(13, "Permission denied", "a\x1b"), 1, 125, "nsrunner: a\\x1b: Permission denied\n"),
        (HostError("no room"), 1, 125, "nsrunner: no room\n"),
        (SandboxError("mount volume", 13, "/x"), 1, 125, "nsrunner: mount volume: /x: Permission denied\n"),
        (UsageError('pods "x" not found'), 1, 2, 'nsrunner: pods "x" not found\n'),
        (ManifestError([FieldError("spec", "Required value")]), 2, 2, "nsrunner: spec: Required value\n"),
        (SystemExit(3), 3, 3, ""),
        (SystemExit(None), 0, 0, ""),
    ],
)  # fmt: skip
def test_what_escapes_a_verb(
    error: BaseException,
    code: int,
    run_code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program.importlib, "import_module", lambda name: _Verb(error))
    assert main(["version"]) == code
    assert capsys.readouterr() == ("", message)
    assert main(["run"]) == run_code


def test_a_bug_is_a_message_and_with_debug_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program.importlib, "import_module", lambda name: _Verb(ZeroDivisionError("oops\x07")))
    monkeypatch.delenv("NSRUNNER_DEBUG", raising=False)
    assert main(["version"]) == 1
    err = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: oops\\x07" in err
    assert "Traceback" not in err
    monkeypatch.setenv("NSRUNNER_DEBUG", "1")
    assert main(["run"]) == 125
    assert "Traceback" in capsys.readouterr().err


def nsrunner(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nsrunner", *words],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("sys.meta_path.insert(0, Interrupter())", -signal.SIGINT),  # as any other program that has not begun yet
        ("import nsrunner.cli.version as verb; verb.run = interrupt", 130),
    ],
)
def test_ctrl_c_never_shows_a_traceback(moment: str, code: int) -> None:
    script = f"""
import os, signal, sys
from nsrunner.cli.main import entry
def interrupt(*_):
    os.kill(os.getpid(), signal.SIGINT)
class Interrupter:
    def find_spec(self, name, path=None, target=None):
        interrupt()
sys.argv = ["nsrunner", "version"]
{moment}
entry()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_the_program_starts_with_little() -> None:
    """Until it has seen to Ctrl-C."""
    code = "import sys; before = set(sys.modules); import nsrunner.cli.main; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"typing", "re", "argparse", "nsrunner.cli.output"} & set(done.stdout.split())


def test_the_end_of_the_process_is_told_to_those_who_asked() -> None:
    """The interpreter's own end is skipped, which coverage and profilers must not notice."""
    code = (
        "import atexit, sys; from nsrunner.cli.main import entry;"
        "atexit.register(lambda: print('asked'));"
        "sys.argv = ['nsrunner', *sys.argv[1:]]; entry()"
    )
    done = subprocess.run([sys.executable, "-c", code, "versoin"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "asked\n")
    assert done.stderr.startswith('nsrunner: unknown verb "versoin"')


def test_a_reader_that_went_away() -> None:
    process = subprocess.Popen(
        ["sh", "-c", '"$0" -m nsrunner --help; echo "code $?" >&2', sys.executable],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()  # long before Python is up
    assert process.stderr is not None
    assert process.stderr.read() == "code 141\n"
    process.stderr.close()
    process.wait(60)


def test_a_full_disk() -> None:
    with Path("/dev/full").open("w") as full:
        done = nsrunner("version", stdout=full)
    assert done.returncode == 1
    assert done.stderr == "nsrunner: No space left on device\n"


def test_closed_descriptors() -> None:
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m nsrunner version >&- <&-'],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_locale_that_cannot_write_it() -> None:
    done = nsrunner(
        "frob\u00fcn", stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)}
    )
    assert done.returncode == 2
    assert '"frob\\xfcn"' in done.stderr


@pytest.mark.parametrize("verb", ["ps", "logs", "exec", "version", "completion"])
def test_light_verbs_import_nothing_heavy(verb: str) -> None:
    code = (
        "import sys; from nsrunner.cli.main import main; main([sys.argv[1], '--help']);"
        "heavy = {'asyncio', 'dataclasses', 'inspect', 'yaml', 'msgspec'};"
        "heavy |= {'nsrunner.model', 'nsrunner.library', 'nsrunner.supervisor'};"
        "heavy -= {'dataclasses', 'inspect'} if sys.version_info >= (3, 14) else set();"  # argparse's colours have them
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, verb], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize(("name", "reader"), [("pod.yaml", "yaml"), ("pod.json", "json")])
def test_run_imports_only_what_it_uses(tmp_path: Path, name: str, reader: str) -> None:
    """Up to the start of the pods. What asyncio and msgspec import by themselves is not ours to save."""
    manifest = tmp_path / name
    spec = {"containers": [{"name": "a", "image": "host", "command": ["true"]}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    manifest.write_text(json.dumps(pod) if reader == "json" else f"# YAML\n{json.dumps(pod)}")
    code = (
        "import sys, asyncio, msgspec; before = set(sys.modules);"
        "from nsrunner.cli import run; from nsrunner.cli.manifest import chosen_objects;"
        "import nsrunner.cli.run_session;"
        "options = run.parser().parse_words([sys.argv[1]]);"
        "assert chosen_objects(options.files);"
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(manifest)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    new = set(done.stdout.split())
    assert ("yaml" in new) == (reader == "yaml")
    heavy = {"ctypes", "dataclasses", "difflib", "email", "importlib.metadata", "inspect", "ipaddress", "pathlib"}
    heavy |= {"random", "shutil", "subprocess", "tempfile", "textwrap", "uuid"}
    rare = {"cli.recorded", "library.pod", "model.change", "model.debug", "sandbox.client"}
    rare |= {"sandbox.probe", "sandbox.seccomp", "sandbox.seccomp_compile", "supervisor.hooks", "supervisor.probes"}
    assert not (heavy | {f"nsrunner.{name}" for name in rare}) & new
    assert ("nsrunner.model.yamlstream" in new, "nsrunner.model.jsonstream" in new) == (
        reader == "yaml",
        reader == "json",
    )


@pytest.mark.parametrize(
    "module", ["nsrunner.sandbox.logs", "nsrunner.sandbox.client", "nsrunner.sandbox.state", "nsrunner.cli.pods"]
)
def test_what_light_verbs_work_with_is_light_too(module: str) -> None:
    code = (
        "import importlib, sys; importlib.import_module(sys.argv[1]);"
        "heavy = {'asyncio', 'yaml', 'nsrunner.model', 'nsrunner.library', 'nsrunner.supervisor'};"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, module], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
