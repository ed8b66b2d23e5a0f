#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything this checkout can do, from a bare Python 3.11 or 3.13:

python build.py demo [SOURCE] [--out DIR]  photo or video in; .blend, overlay, turned view out
python build.py test [PYTEST_ARGS...]      set up, then lint, types, and all tests
python build.py zip [--with-wheels]        the extension, made by Blender's own build tool
python build.py bench                      from the click to the imported person, by stage
python build.py bench fit [OPTIONS...]     our fitter and its peer, side by side (see: --help)
python build.py bench convert [OPTIONS...] one body model into another, and an optimiser's way
python build.py bench register [OPTIONS...] a body to scans, clean and degraded
python build.py bench load [OPTIONS...]    an official checkpoint of the large model into memory
python build.py bench canonical [OPTIONS...] a body's points into the canonical space of a model
python build.py bench footage [OPTIONS...] a rendered clip against its truth; memory of long ones
python build.py bench markers accuracy|speed markers on rendered people, and what they cost
python build.py bench solve [OPTIONS...]   what a moved slider costs, and the memory of it
python build.py bench render [OPTIONS...]  synthetic crops a second, by step
python build.py bench bake [OPTIONS...]    footage into keys and mesh caches, in the newest Blender
python build.py worker ARGS...             the worker's command line (see: worker --help)
python build.py env worker|blender         print that environment's interpreter

Environments are made under .envs/ on first use and used again after that.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVS = ROOT / ".envs"
DIST = ROOT / "dist"
PACKAGE = ROOT / "nlf_blender"
WHEELS = ROOT / "wheels"
LOCK = WHEELS / "requirements.lock"
TEST_LOCK = ROOT / "tests" / "requirements.lock"
MANIFEST = ROOT / "blender_manifest.toml"
# The positional encoding is in the default model too; only training needs it by itself.
LEFT_OUT_OF_ZIP = shutil.ignore_patterns(
    "__pycache__", "authoring", "pictures", "canonical_field.safetensors", ".*"
)
ASTRONAUT = ("scikit-image==0.26.0", "skimage/data/astronaut.png")  # public domain, NASA

WORKER_PYTHONS = ((3, 11), (3, 13), (3, 12))  # in order of preference
# modules under tests/, given the other arguments
BENCHMARKS = {
    "fit": "benchmarks.fit_bench",
    "convert": "benchmarks.convert_bench",
    "register": "benchmarks.register_bench",
    "load": "benchmarks.load_bench",
    "canonical": "benchmarks.canonical_bench",
    "footage": "benchmarks.footage_bench",
    "markers": "benchmarks.markers_bench",
    "solve": "benchmarks.solve_bench",
    "render": "benchmarks.render_bench",
}
BLENDER_BENCHMARKS = {"bake": "bake_bench.py"}
# Gigabytes: an environment with Blender takes 1.0, the tests' temporary files 1.1 at most.
ROOM_FOR_BLENDER = 1.5
ROOM_FOR_TESTS = 2.0
BLENDERS = {"4.2": (3, 11), "4.5": (3, 11), "5.0": (3, 11), "5.2": (3, 13)}


def say(text: str) -> None:
    """Tell what is going on, on standard error: standard output is for results."""
    print(f"[build] {text}", file=sys.stderr, flush=True)


class BuildError(Exception):
    """A step failed; the text says what and what to do."""


def run(command: list[str | Path], **options: object) -> None:
    """Run a program to its end. BuildError if it fails."""
    status = subprocess.run([str(part) for part in command], **options).returncode  # type: ignore[call-overload]
    if status != 0:
        raise BuildError(f"{Path(command[0]).name} ended with status {status}: see above.")


def need_room(folder: Path, gigabytes: float, what: str) -> None:
    """See that a disk has room. BuildError, before anything is written, if not."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        raise BuildError(
            f"{what} needs {gigabytes:.1f} GB on the disk of {folder}, where {free:.1f} GB are "
            "free: free some and run this again; what is done already is kept."
        )


# ---------------------------------------------------------------- interpreters and environments


def interpreters(version: tuple[int, int]) -> Iterator[Path]:
    """Interpreters of one Python version that this machine may have, this one first."""
    name = f"python{version[0]}.{version[1]}"
    if sys.version_info[:2] == version:
        yield Path(sys.executable)
    found = shutil.which(name)
    if found:
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version[0]}.{version[1]}.*/bin/{name}"), reverse=True)
    uv = Path.home() / ".local/share/uv/python"
    yield from sorted(uv.glob(f"cpython-{version[0]}.{version[1]}*/bin/{name}"), reverse=True)
    local = Path(os.environ.get("LOCALAPPDATA", "")) / "Programs/Python"
    yield from local.glob(f"Python{version[0]}{version[1]}/python.exe")


def find_python(version: tuple[int, int]) -> Path | None:
    """An interpreter of this version that can make environments, or None."""
    probe = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for path in interpreters(version):
        answer = subprocess.run([path, "-c", probe], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == f"{version[0]}.{version[1]}":
            return path
    return None


def env_python(folder: Path) -> Path:
    """The interpreter inside an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure_env(version: str, python: Path) -> Path:
    """The interpreter of .envs/bpy-VERSION, made or made anew if its requirements changed."""
    name = f"bpy-{version}"
    requirements = [f"bpy~={version}.0", "pytest==9.2.0"]
    folder = ENVS / name
    stamp = folder / "build-stamp.txt"
    wanted = hashlib.sha256("\n".join(requirements).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted and env_python(folder).exists():
        return env_python(folder)
    shutil.rmtree(folder, ignore_errors=True)
    need_room(ROOT, ROOM_FOR_BLENDER, f"the environment of Blender {version}")
    say(f"making .envs/{name} ({', '.join(requirements)})")
    run([python, "-m", "venv", folder])
    pip_install(env_python(folder), requirements)
    stamp.write_text(wanted)
    return env_python(folder)


def pip_install(python: Path, requirements: list[str]) -> None:
    """pip install into an environment, its progress shown. BuildError if it fails."""
    pip = [
        python,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--no-warn-script-location",
    ]
    run([*pip, *requirements], stdout=sys.stderr)


def worker_env() -> Path:
    """The worker's interpreter, its environment made as the extension itself makes it."""
    from nlf_blender.bridge import install

    folder = ENVS / "worker"
    if not install.is_ready(folder, WHEELS):
        python = next((p for p in map(find_python, WORKER_PYTHONS) if p), None)
        if python is None:
            raise BuildError("No Python 3.11, 3.12 or 3.13 with venv found: install one of them.")
        say(f"making the worker's environment, .envs/worker, with {python}")
        install.install(folder, python, WHEELS, on_progress=lambda p: say(p.text))
    return env_python(folder)


def test_env() -> Path:
    """The worker's interpreter with the test tools added."""
    python = worker_env()
    stamp = ENVS / "worker" / "test-stamp.txt"
    wanted = hashlib.sha256(TEST_LOCK.read_bytes() + LOCK.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        say("adding the test tools to .envs/worker")
        pip_install(python, ["-r", str(TEST_LOCK)])
        stamp.write_text(wanted)
    return python


def blender_env(version: str) -> Path | None:
    """The interpreter of an environment with Blender as a module; None without its Python."""
    python = find_python(BLENDERS[version])
    return None if python is None else ensure_env(version, python)


def newest_blender() -> tuple[str, Path]:
    """The newest Blender that this machine's interpreters allow."""
    for version in reversed(BLENDERS):
        python = blender_env(version)
        if python is not None:
            return version, python
    raise BuildError("Blender's module needs Python 3.11 or 3.13: install one of them.")


def blender_environment(version: str) -> dict[str, str]:
    """Environment variables that give Blender a private, empty profile."""
    profile = ENVS / f"profile-{version}"
    shutil.rmtree(profile, ignore_errors=True)
    profile.mkdir(parents=True)
    return {**os.environ, "BLENDER_USER_RESOURCES": str(profile), "PYTHONDONTWRITEBYTECODE": "1"}


# ------------------------------------------------------------------------------------- the zip


def build_zip(with_wheels: bool = False) -> Path:
    """Stage the extension and let Blender's own tool build and validate it. Returns the zip."""
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    suffix = f"-{sys.platform}-offline" if with_wheels else ""
    target = DIST / f"{manifest['id']}-{manifest['version']}{suffix}.zip"
    _, python = newest_blender()
    stage = ROOT / "build" / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(PACKAGE, stage, ignore=LEFT_OUT_OF_ZIP)
    shutil.copy(MANIFEST, stage)
    (stage / "wheels").mkdir()
    shutil.copy(LOCK, stage / "wheels")
    if with_wheels:
        download = [worker_env(), "-m", "pip", "download", "-r", LOCK, "-d", stage / "wheels"]
        run([*download, "--only-binary=:all:"], stdout=sys.stderr)
    DIST.mkdir(exist_ok=True)
    tool = next(python.parent.parent.glob("**/bl_pkg/cli/blender_ext.py"))
    build = [python, tool, "build", "--source-dir", stage, "--output-filepath", target]
    run(build, stdout=sys.stderr)
    run([python, tool, "validate", target], stdout=sys.stderr)
    say(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.1f} MB")
    return target


# ------------------------------------------------------------------------------------ commands


def astronaut() -> Path:
    """scikit-image's astronaut, a public-domain photo, fetched once through pip."""
    package, member = ASTRONAUT
    photo = ENVS / "photos" / "astronaut.png"
    if not photo.is_file():
        say("fetching the example photo (scikit-image's astronaut)")
        photo.parent.mkdir(parents=True, exist_ok=True)
        pip = [
            worker_env(),
            "-m",
            "pip",
            "download",
            "--no-deps",
            "-q",
            "-d",
            photo.parent,
            package,
        ]
        run(pip, stdout=sys.stderr)
        wheel = next(photo.parent.glob("scikit_image-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            photo.write_bytes(archive.read(member))
        wheel.unlink()
    return photo


def demo(options: argparse.Namespace) -> None:
    """The main job, through the installed extension, in a private Blender profile."""
    source = (options.source or astronaut()).resolve()
    worker = worker_env()
    version, python = newest_blender()
    package = build_zip()
    say(f"localizing {source.name} through the extension in Blender {version}")
    script = ROOT / "tests" / "blender" / "demo_run.py"
    job = [python, script, "--zip", package, "--worker-python", worker, "--photo", source]
    run([*job, "--out", options.out.resolve()], env=blender_environment(version))


def bench(options: argparse.Namespace) -> None:
    """A benchmark of some parts, or the one of the whole way."""
    if options.name is None:
        bench_whole()
        return
    if options.name in BLENDER_BENCHMARKS:
        version, python = newest_blender()
        script = ROOT / "tests" / "blender" / BLENDER_BENCHMARKS[options.name]
        run([python, script, *options.arguments], env=blender_environment(version))
        return
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    command = [test_env(), "-B", "-P", "-m", BENCHMARKS[options.name], *options.arguments]
    run(command, env={**os.environ, "PYTHONPATH": paths})


def bench_whole() -> None:
    """Times from the click to the imported person, cold and warm, split by stage."""
    version, python = newest_blender()
    package = build_zip()
    script = ROOT / "tests" / "blender" / "bench_run.py"
    job = [python, script, "--zip", package, "--worker-python", worker_env()]
    run([*job, "--photo", astronaut()], env=blender_environment(version))


def zip_command(options: argparse.Namespace) -> None:
    """Build the zip and print its path."""
    print(build_zip(options.with_wheels))


def env_command(options: argparse.Namespace) -> None:
    """Print an environment's interpreter."""
    print(worker_env() if options.which == "worker" else newest_blender()[1])


def worker_command(options: argparse.Namespace) -> None:
    """Pass the rest of the line to the worker; its exit status becomes ours. Ctrl-C is the
    worker's alone to answer: it writes what it has before it ends."""
    command = [worker_env(), "-B", PACKAGE / "worker" / "__main__.py", *options.arguments]
    if os.name == "posix":
        os.execv(command[0], [str(part) for part in command])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(subprocess.run(command, check=False).returncode)


@dataclass
class Step:
    """One step of the tests, with what came of it."""

    name: str
    command: list[str | Path]
    env: dict[str, str] | None = None
    passed: bool = False
    seconds: float = 0.0

    def run(self) -> None:
        """Run the step and note whether it passed."""
        say(f"--- {self.name}")
        began = time.monotonic()
        command = [str(part) for part in self.command]
        self.passed = subprocess.run(command, cwd=ROOT, env=self.env, check=False).returncode == 0
        self.seconds = time.monotonic() - began


def test(options: argparse.Namespace) -> None:
    """Lint, types, and the tests of the worker and of every Blender that can run here."""
    python = test_env()
    blenders = {version: blender_env(version) for version in BLENDERS}
    package = build_zip()
    need_room(Path(tempfile.gettempdir()), ROOM_FOR_TESTS, "testing")
    steps = [
        Step("ruff check", [python, "-m", "ruff", "check", "."]),
        Step("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        Step("pyright", [python, "-m", "pyright", "--pythonpath", python]),
        Step("tests of the worker", [python, "-m", "pytest", *options.arguments]),
    ]
    for version, interpreter in blenders.items():
        if interpreter is not None:
            variables = blender_environment(version)
            variables |= {"NLF_ZIP": str(package), "NLF_WORKER_PYTHON": str(python)}
            command = [interpreter, "-m", "pytest", "tests/blender", *options.arguments]
            steps.append(Step(f"tests in Blender {version}", command, variables))
    for step in steps:
        step.run()
    report(steps, [version for version, interpreter in blenders.items() if interpreter is None])


def report(steps: list[Step], left_out: list[str]) -> None:
    """Print what passed. BuildError if a step failed."""
    for step in steps:
        say(f"{'passed' if step.passed else 'FAILED'} {step.seconds:7.1f} s  {step.name}")
    for version in left_out:
        python = ".".join(map(str, BLENDERS[version]))
        say(f"left out           Blender {version}: no Python {python} on this machine")
    if not all(step.passed for step in steps):
        raise BuildError("some tests failed.")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command and its options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("demo")
    add.add_argument("source", type=Path, nargs="?")
    add.add_argument("--out", type=Path, default=ROOT / "demo")
    add.set_defaults(run=demo)
    add = commands.add_parser("zip")
    add.add_argument("--with-wheels", action="store_true", help="bundle the worker's packages")
    add.set_defaults(run=zip_command)
    add = commands.add_parser("bench")
    add.add_argument("name", nargs="?", choices=(*BENCHMARKS, *BLENDER_BENCHMARKS))
    add.add_argument("arguments", nargs=argparse.REMAINDER)
    add.set_defaults(run=bench)
    add = commands.add_parser("env")
    add.add_argument("which", choices=("worker", "blender"))
    add.set_defaults(run=env_command)
    if arguments[:1] in (["worker"], ["test"]):  # the rest belongs to the program behind it
        function = worker_command if arguments[0] == "worker" else test
        return argparse.Namespace(run=function, arguments=arguments[1:])
    for name in ("worker", "test"):
        commands.add_parser(name, add_help=False)
    return parser.parse_args(arguments)


def main() -> int:
    """Run one command. Returns the exit status."""
    options = parse(sys.argv[1:])
    sys.path.insert(0, str(ROOT))
    from nlf_blender.errors import UserError

    try:
        options.run(options)
    except (BuildError, UserError) as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
