"""The peers, from Debian's packages, set up in a temporary directory so that nothing of the host's own is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.measure import command_seconds

__all__ = ["Peers", "peers"]

_CONTAINERS_CONF = """\
[containers]
pids_limit = 0
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
"""

_POD = """\
apiVersion: v1
kind: Pod
metadata: {name: bench}
spec:
  restartPolicy: Never
  containers:
  - {name: a, image: localhost/bench:latest, command: [/bin/sleep, "100"], imagePullPolicy: Never}
"""


_NULL: Final = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _quietly(*argv: str) -> None:
    """Runs a command with nothing attached: a detached container would keep a captured pipe open."""
    null = subprocess.DEVNULL
    subprocess.run(argv, stdin=null, stdout=null, stderr=null, timeout=20, check=True)


def _wait_for(path: Path) -> None:
    """A peer says that it is done by making a file."""
    deadline = time.monotonic() + 60
    while not path.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path} did not appear")
        time.sleep(0.002)


class Peers:
    """One scratch directory with a busybox root, an OCI bundle and a podman store."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "rootfs"
        self.bundle = directory / "bundle"
        self.env = os.environ | {"CONTAINERS_CONF": str(directory / "containers.conf")}
        self._make_root()

    def _make_root(self) -> None:
        for name in ("bin", "proc", "dev", "sys", "etc", "tmp"):
            (self.root / name).mkdir(parents=True)
        shutil.copy("/bin/busybox", self.root / "bin/busybox")
        for applet in ("sh", "true", "sleep", "cat", "yes", "head"):
            (self.root / "bin" / applet).symlink_to("busybox")
        (self.directory / "containers.conf").write_text(_CONTAINERS_CONF)
        (self.directory / "pod.yaml").write_text(_POD)

    # --- runc and crun ------------------------------------------------------------------------------------------------

    def _write_bundle(self) -> None:
        if self.bundle.exists():
            return
        self.bundle.mkdir()
        subprocess.run(["runc", "spec"], cwd=self.bundle, check=True, timeout=20)
        config = json.loads((self.bundle / "config.json").read_text())
        config["root"] = {"path": str(self.root), "readonly": False}
        config["process"].update(terminal=False, args=["/bin/true"], rlimits=[])
        (self.bundle / "config.json").write_text(json.dumps(config))

    def runc_run(self, runs: int) -> float:
        """Seconds of ``runc run`` of /bin/true."""
        self._write_bundle()
        return command_seconds(["runc", "run", "--bundle", str(self.bundle), "bench"], runs=runs)

    def crun_run(self, runs: int) -> float:
        """Seconds of ``crun run`` of /bin/true, in a mount namespace with cgroup2 where crun expects it. Without its
        cgroup manager: that one raises RLIMIT_MEMLOCK, which not every machine allows (it makes crun faster here)."""
        self._write_bundle()
        crun = f"crun --cgroup-manager=disabled run --bundle {self.bundle} bench </dev/null >/dev/null || exit 1"
        clock = "$(date +%s%N)"
        loop = f"for i in $(seq {runs}); do s={clock}; {crun}; e={clock}; echo $((e - s)); done"
        argv = ["unshare", "-m", "sh", "-c", f"mount -t cgroup2 none /sys/fs/cgroup && {loop}"]
        out = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True).stdout
        values = sorted(int(line) for line in out.split())
        return values[len(values) // 2] / 1e9

    def runc_exec(self, runs: int) -> float:
        """Seconds of ``runc exec`` of /bin/true in a running container."""
        self._write_bundle()
        config = json.loads((self.bundle / "config.json").read_text())
        config["process"]["args"] = ["/bin/sleep", "100"]
        (self.bundle / "config.json").write_text(json.dumps(config))
        _quietly("runc", "run", "--detach", "--bundle", str(self.bundle), "bench-exec")
        try:
            return command_seconds(["runc", "exec", "bench-exec", "/bin/true"], runs=runs)
        finally:
            _quietly("runc", "delete", "--force", "bench-exec")

    # --- conmon -------------------------------------------------------------------------------------------------------

    def conmon_copy(self, size: int, *, each: bool = False) -> float:
        """Megabytes a second that conmon copies into a log in the CRI format, from a container that writes lines."""
        self._write_bundle()
        config = json.loads((self.bundle / "config.json").read_text())
        config["process"]["args"] = ["/bin/lines", str(size), *(["each"] if each else [])]
        (self.bundle / "config.json").write_text(json.dumps(config))
        exits, persist, log = (self.directory / name for name in ("exits", "persist", "conmon.log"))
        exits.mkdir(exist_ok=True)
        persist.mkdir(exist_ok=True)
        (exits / "bench-log").unlink(missing_ok=True)
        identity = ["--cid", "bench-log", "--cuuid", "bench-log", "--name", "bench-log", "--runtime", "/usr/sbin/runc"]
        where = ["--bundle", str(self.bundle), "--exit-dir", str(exits), "--log-path", f"k8s-file:{log}"]
        where += ["--persist-dir", str(persist), "--socket-dir-path", str(persist)]
        created = self.directory / "conmon.pid"
        created.unlink(missing_ok=True)
        _quietly("conmon", *identity, *where, "--container-pidfile", str(created))
        _wait_for(created)  # it creates the container after it has gone to the background
        try:
            start = time.perf_counter()
            _quietly("runc", "start", "bench-log")
            _wait_for(exits / "bench-log")
            return size / 1e6 / (time.perf_counter() - start)
        finally:
            _quietly("runc", "delete", "--force", "bench-log")
            log.unlink(missing_ok=True)

    # --- podman -------------------------------------------------------------------------------------------------------

    def podman(self, *words: str) -> list[str]:
        """A podman command line on this store."""
        where = ["--root", str(self.directory / "store"), "--runroot", f"/run/{self.directory.name}"]
        return ["podman", *where, "--storage-driver", "vfs", *words]

    def _import(self) -> None:
        exists = subprocess.run(self.podman("image", "exists", "bench"), env=self.env, timeout=60).returncode == 0
        if not exists:
            tar = subprocess.run(["tar", "-C", str(self.root), "-c", "."], capture_output=True, check=True, timeout=60)
            subprocess.run(
                self.podman("import", "-", "localhost/bench:latest"),
                input=tar.stdout,
                env=self.env,
                check=True,
                timeout=120,
                capture_output=True,
            )

    def podman_run(self, runs: int) -> float:
        """Seconds of ``podman run --rm`` of /bin/true without a network."""
        self._import()
        argv = self.podman("run", "--rm", "--network", "none", "localhost/bench:latest", "/bin/true")
        return command_seconds(argv, runs=runs, env=self.env)

    def podman_kube_play(self, runs: int) -> float:
        """Seconds until ``podman kube play`` returns, which is when its one container was started."""
        self._import()
        pod = str(self.directory / "pod.yaml")
        times = []
        for _ in range(runs + 1):
            times.append(
                command_seconds(self.podman("kube", "play", "--network", "none", pod), runs=1, warmup=0, env=self.env)
            )
            subprocess.run(self.podman("kube", "down", pod), env=self.env, check=True, capture_output=True, timeout=60)
        return sorted(times[1:])[runs // 2]

    @contextmanager
    def podman_containers(self, count: int) -> Iterator[list[str]]:
        """So many containers run within the block: their names."""
        self._import()
        names = [f"bench-{number}" for number in range(count)]
        for name in names:
            words = ("run", "--detach", "--network", "none", "--name", name, "localhost/bench:latest")
            subprocess.run(self.podman(*words, "/bin/sleep", "1000"), env=self.env, check=True, timeout=60, **_NULL)
        try:
            yield names
        finally:
            subprocess.run(self.podman("rm", "--force", "--time", "0", *names), env=self.env, timeout=120, **_NULL)


@contextmanager
def peers() -> Iterator[Peers]:
    """A set-up that is removed again."""
    directory = Path(tempfile.mkdtemp(prefix="nsrunner-bench-"))
    made = Peers(directory)
    try:
        yield made
    finally:
        subprocess.run(made.podman("system", "reset", "--force"), env=made.env, capture_output=True, timeout=120)
        for path in (directory, f"/run/{directory.name}"):
            shutil.rmtree(path, ignore_errors=True)
