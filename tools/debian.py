"""Debian packages and roots of other suites than the host's, from wherever the host's own apt gets its packages.

Nothing here names a mirror: the URIs come from the host's apt sources, the proxies and certificates from its apt.conf,
and only the suite's name is replaced. Used by the tests of older kernels (tests/vm) and by `make fresh-machine`.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SECURE = {"bullseye", "bookworm", "trixie"}
"""Suites with a -security companion; sid has none."""

DEADLINE = 900.0
"""Seconds that one call of apt may take, downloads included."""


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Base URIs of the archive and of its security companion, as the host's apt has them."""

    archive: str
    security: str


def mirrors() -> Mirrors:
    """Raises RuntimeError when the host's apt knows no Debian archive."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    ).stdout
    archive = security = ""
    for uri, release, component in (line.split() for line in listed.splitlines()):
        if component != "main" or "debian" not in uri:
            continue
        if release.endswith("-security"):
            security = security or uri
        elif not release.endswith(("-updates", "-backports")):
            archive = archive or uri
    if not archive:
        raise RuntimeError("apt-get indextargets names no Debian archive: is this Debian, with apt sources?")
    return Mirrors(archive, security)


def sources(suite: str) -> list[str]:
    """Lines of a sources.list for the suite."""
    found = mirrors()
    lines = [f"deb [signed-by={KEYRING}] {found.archive} {suite} main"]
    if suite in SECURE and found.security:
        lines.append(f"deb [signed-by={KEYRING}] {found.security} {suite}-security main")
    return lines


class Apt:
    """An apt of its own in a directory: its lists, its cache, one suite, and no installed packages."""

    def __init__(self, suite: str, folder: Path) -> None:
        self.suite = suite
        self.folder = folder.absolute()
        for part in ("lists/partial", "cache/archives/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        (self.folder / "sources.list").write_text("\n".join(sources(suite)) + "\n")
        self.options = [
            f"-oDir::Etc::SourceList={self.folder}/sources.list",
            "-oDir::Etc::SourceParts=-",
            "-oDir::Etc::Preferences=-",
            "-oDir::Etc::PreferencesParts=-",
            f"-oDir::State={self.folder}",
            f"-oDir::State::Lists={self.folder}/lists",
            f"-oDir::State::Status={self.folder}/status",
            f"-oDir::Cache={self.folder}/cache",
            "-oAPT::Sandbox::User=root",
            "-oAcquire::Languages=none",
        ]

    def run(self, *argv: str, cwd: Path | None = None) -> str:
        """Raises subprocess.CalledProcessError, with apt's words in its notes."""
        command = [argv[0], *self.options, *argv[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE, cwd=cwd)
        if done.returncode:
            error = subprocess.CalledProcessError(done.returncode, command)
            error.add_note(done.stdout + done.stderr)
            raise error
        return done.stdout

    def update(self) -> None:
        self.run("apt-get", "-q", "update")

    def dependency(self, package: str, prefix: str) -> str:
        """The first package that this one depends on whose name starts with the prefix."""
        for line in self.run("apt-cache", "depends", package).splitlines():
            kind, _, name = line.strip().partition(": ")
            if kind == "Depends" and name.startswith(prefix):
                return name
        raise LookupError(f"{package} of {self.suite} depends on no {prefix}*")

    def download(self, package: str) -> Path:
        """Fetches one package, without what it depends on, into the folder."""
        self.run("apt-get", "-q", "download", package, cwd=self.folder)
        return next(self.folder.glob(f"{package}_*.deb"))
