"""Makes the checkout importable in the virtual environment that runs this: `make dev`.

pip builds and installs the package (so that its metadata, script and pytest plugin are there), and then the installed
copy gives way to the checkout: the extension and the two helpers move into nsrunner/ (git ignores them) and a .pth file
points there. Unlike with meson-python's own editable mode nothing is compiled by an import: other users and root can
import the checkout and a half-edited C file breaks nobody; after an edit of C, run `make dev` again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> int:
    build = CHECKOUT / "build"
    build.mkdir(exist_ok=True)
    with (build / "develop.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        site = Path(sysconfig.get_path("platlib"))
        pth = site / "nsrunner-checkout.pth"
        pth.unlink(missing_ok=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps"]
        pip += [
            "--no-build-isolation",
            f"--config-settings=build-dir={build / 'dev'}",
            "--config-settings=setup-args=-Dwerror=true",
            str(CHECKOUT),
        ]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # meson and ninja of the venv
        done = subprocess.run(pip, env=os.environ | {"PATH": path}, check=False)
        if done.returncode:
            print("the build failed; the compiler's messages are above", file=sys.stderr)
        else:
            adopt(site / "nsrunner")
        pth.write_text(f"{CHECKOUT}\n")
        return done.returncode


def adopt(installed: Path) -> None:
    """Moves what was compiled out of the installed copy into the checkout, and drops the rest of that copy."""
    for built in [*installed.glob("_native*.so"), *(installed / "libexec").glob("*")]:
        target = CHECKOUT / "nsrunner" / built.relative_to(installed)
        target.parent.mkdir(exist_ok=True)
        fresh = target.with_name(target.name + ".new")  # replaced by rename: a running helper keeps its old file
        shutil.copy2(built, fresh)
        fresh.replace(target)
    shutil.rmtree(installed)


if __name__ == "__main__":
    sys.exit(main())
