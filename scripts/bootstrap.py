"""Makes `.venv` ready: real ROS 2 Jazzy, mission's dependencies, mission_msgs and mission itself. No root, no ROS.

Each step leaves a stamp of what it was made from in `.venv`, so a second run does nothing and needs no network. The
stamp is there from the step's beginning, so an interrupted run is taken up again.
Runs on the standard library alone, with the Python that the environment shall have.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
SOURCES = ROOT / "ros2_ws" / "src"
LEAST_SPACE = 4e9  # [bytes] to install and to unpack
SPACE = "2 GB with a torch for CPUs, several GB more with CUDA, which pip takes on Linux unless configured otherwise"
PYTHON_VERSIONS = ((3, 11), (3, 12))  # numpy 1.26 and the ROS wheels have these in common


def check_machine() -> list[str]:
    """What this machine lacks, one line each with its remedy."""
    missing = []
    found = platform.python_version()
    if sys.version_info[:2] not in PYTHON_VERSIONS:
        wanted = " or ".join(f"{a}.{b}" for a, b in PYTHON_VERSIONS)
        missing.append(f"Python {wanted} is needed, {sys.executable} is {found}: `make PYTHON=python3.12 ...`")
    if sys.platform != "linux" or platform.machine() != "x86_64":
        missing.append(
            f"The ROS 2 wheels exist for Linux on x86_64, this is {sys.platform} on {platform.machine()}: install "
            "ROS 2 Jazzy and build with `colcon build` (README, 'On a machine with ROS 2')."
        )
    for compiler in ("cc", "c++"):
        if shutil.which(compiler) is None:
            missing.append(f"No C/C++ compiler (`{compiler}`) was found: `sudo apt install build-essential`")
    if shutil.which("make") is None:
        missing.append("`make` was not found: `sudo apt install build-essential`")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        missing.append(f"Python.h of Python {found} was not found: `sudo apt install python3-dev`")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        missing.append("Python's venv module is incomplete: `sudo apt install python3-venv`")
    if is_foreign():
        missing.append(f"{VENV} was not made by mission: move it away, `mv .venv .venv-other`, or delete it")
    elif not stamp("requirements").is_file() and shutil.disk_usage(ROOT).free < LEAST_SPACE:
        missing.append(f"Less than {LEAST_SPACE / 1e9:.0f} GB are free in {ROOT}: make room ({SPACE})")
    return missing


def stamp(name: str) -> Path:
    """The file in which a step notes what it was made from."""
    return VENV / f".mission-{name}"


def is_foreign() -> bool:
    """Whether `.venv` is somebody else's, and not to be replaced: ours has a stamp before it has anything else."""
    return VENV.is_dir() and any(VENV.iterdir()) and not stamp("environment").is_file()


def digest(paths: Iterable[Path], *extra: str) -> str:
    """Fingerprint of files and strings."""
    sha = hashlib.sha256(repr((sys.version, str(ROOT), *extra)).encode())
    for path in sorted(paths):
        sha.update(path.name.encode() + path.read_bytes())
    return sha.hexdigest()


def step(name: str, fingerprint: str, action: Callable[[], None]) -> None:
    """Runs `action` unless it was done before with the same fingerprint."""
    file = stamp(name)
    if PYTHON.exists() and file.is_file() and file.read_text() == fingerprint:
        return
    started = time.monotonic()
    print(f"[mission] {name} ...", file=sys.stderr, flush=True)
    file.parent.mkdir(exist_ok=True)
    file.write_text("unfinished")
    action()
    file.write_text(fingerprint)
    print(f"[mission] {name} done in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Runs a command; on failure shows all it printed and ends this program."""
    text = [str(part) for part in command]
    done = subprocess.run(text, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
        sys.exit(f"[mission] failed: {' '.join(text)} (exit {done.returncode}; its output stands above)")


def create_venv() -> None:
    """A fresh environment in the place of an old one, which may hold other versions; only the stamp stays."""
    for path in set(VENV.iterdir()) - {stamp("environment")}:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    run(sys.executable, "-m", "venv", VENV)


def install_requirements() -> None:
    """All pinned distributions; the list is complete, so nothing is installed that it does not name.

    Python compiles what is imported; to compile everything here would take as long as a third of the installing.
    """
    pip = (PYTHON, "-m", "pip", "install", "--disable-pip-version-check")
    run(*pip, "--no-compile", "--no-deps", "-r", ROOT / "requirements.txt")


def patch_ros_wheels() -> None:
    """Points the ROS wheels' CMake exports at this Python and numpy; they name their build machine's folders."""
    run(
        PYTHON,
        "-c",
        "import numpy, pathlib, re, sys, sysconfig\n"
        "include, numpy_include = sysconfig.get_path('include'), numpy.get_include()\n"
        "for f in pathlib.Path(sys.prefix).glob('share/*/cmake/export_*__rosidl_generator_pyExport.cmake'):\n"
        "    text = re.sub(r'/opt/python/[^;\"]*/include/python3\\.\\d+', include, f.read_text())\n"
        "    f.write_text(re.sub(r'/opt/python/[^;\"]*/numpy/_core/include', numpy_include, text))\n",
    )


def ros_environment() -> dict[str, str]:
    """What `source setup.bash` would set, for building against the wheels."""
    kept = {name: value for name, value in os.environ.items() if not re.match(r"(ROS|RMW|AMENT|COLCON|CMAKE)_", name)}
    prefix = str(VENV)
    return kept | {
        "VIRTUAL_ENV": prefix,
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "AMENT_PREFIX_PATH": prefix,
        "CMAKE_PREFIX_PATH": prefix,
        "ROS_DISTRO": "jazzy",
        "ROS_VERSION": "2",
        "ROS_PYTHON_VERSION": "3",
    }


def build_messages() -> None:
    """mission_msgs, installed into the environment itself, so that nothing has to be sourced.

    Optimised a little only, which takes a fifth less time: Python copies these messages more slowly than any of it.
    """
    build = VENV / "build"
    run(
        VENV / "bin" / "colcon",
        "--log-base", build / "log",
        "build",
        "--base-paths", SOURCES,
        "--packages-select", "mission_msgs",
        "--build-base", build,
        "--install-base", VENV,
        "--merge-install",
        "--cmake-args", "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_C_FLAGS_RELEASE=-O1", "-DCMAKE_CXX_FLAGS_RELEASE=-O1",
        env=ros_environment(),
    )  # fmt: skip
    (VENV / "COLCON_IGNORE").unlink(missing_ok=True)


def install_packages() -> None:
    """mission_core and mission_ros, editable: the environment runs the checkout."""
    packages = [part for name in ("mission_core", "mission_ros") for part in ("-e", str(SOURCES / name))]
    run(
        PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--no-index",
        "--no-build-isolation", *packages,
    )  # fmt: skip


def make_shapes() -> None:
    """The table of bodies of the simulator, so that no node waits for it at its first start."""
    run(PYTHON, "-W", "ignore", "-c", "from mission_core.sim.shapes import shapes; shapes()")


def main() -> None:
    """Checks the machine, then does what has not been done yet."""
    missing = check_machine()
    if missing:
        sys.exit("\n".join(["[mission] this machine is not ready:", *(f"  - {line}" for line in missing)]))
    if not stamp("requirements").is_file():
        print(f"[mission] setting up {VENV}, once: {SPACE}", file=sys.stderr, flush=True)
    step("environment", digest([]), create_venv)
    step("requirements", digest([ROOT / "requirements.txt"]), install_requirements)
    step("ros-wheels", digest([ROOT / "requirements.txt"]), patch_ros_wheels)
    interface_files = [path for path in (SOURCES / "mission_msgs").rglob("*") if path.is_file()]
    step("messages", digest(interface_files), build_messages)
    setups = [SOURCES / name / file for name in ("mission_core", "mission_ros") for file in ("setup.py", "setup.cfg")]
    step("packages", digest(setups), install_packages)
    step("bodies", digest([SOURCES / "mission_core" / "mission_core" / "sim" / "shapes.py"]), make_shapes)


if __name__ == "__main__":
    main()
