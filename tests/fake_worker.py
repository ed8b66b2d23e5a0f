# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that misbehaves on request; standard library only.

It is copied into a test's folder beside a `fake_worker.json`: {"mode": ..., "take" and
"registration": folders to hand out as the result, "steps": progress steps per job, "pause": seconds
per step, "frames": of footage, which is every source that is no .jpg}.

Footage goes to NAME.take frame by frame, unfinished, and is gone on with where it was stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

CONFIG = json.loads(Path(__file__).with_name("fake_worker.json").read_text(encoding="utf-8"))
MODE = CONFIG["mode"]
FOOTAGE = "Localizing footage"
SOLVE_STAGES = ("Joining people", "Fitting", "Cleaning up", "Writing")
STAGES = {
    "localize": ("Starting", "Reading", "Finding people", "Localizing", "Fitting", "Writing"),
    "register": ("Starting", "Reading", "Trying starts", "Settling", "Writing"),
}
LONGEST = ("Localizing", "Trying starts")  # the stages at which it misbehaves
RESULTS = {"localize": "take", "register": "registration"}


class FakeWorker:
    """Answers the protocol's commands, well or badly."""

    def __init__(self, session: Path) -> None:
        self.events = open(session / "events.jsonl", "ab", buffering=0)  # noqa: SIM115
        self.commands: queue.Queue[dict] = queue.Queue()
        self.cancelled: set[str] = set()
        self.paused: set[str] = set()
        self.silent = False

    def write(self, kind: str, **fields: object) -> None:
        """Append an event."""
        self.events.write((json.dumps({"kind": kind, **fields}) + "\n").encode())

    def listen(self) -> None:
        """Read commands; the end of standard input ends the process, unless it plays deaf."""
        for line in sys.stdin.buffer:
            command = json.loads(line)
            if command["kind"] == "cancel":
                self.cancelled.add(command["job"])
            elif command["kind"] == "pause":
                self.paused.add(command["job"])
            elif command["kind"] == "go_on":
                self.paused.discard(command["job"])
            else:
                self.commands.put(command)
        if MODE not in ("ignores_cancel", "hangs"):
            os._exit(0)

    def beat(self) -> None:
        """Tell that it lives, until it plays dead."""
        while not self.silent:
            self.write("heartbeat")
            time.sleep(0.1)

    def serve(self) -> None:
        """Run jobs until told to quit."""
        if MODE == "slow_start":
            time.sleep(CONFIG.get("start_seconds", 1.0))
        if MODE == "never_starts":
            time.sleep(600)
        protocol = 99 if MODE == "wrong_protocol" else 5
        self.write("hello", pid=os.getpid(), python="3.11.0", protocol=protocol)
        threading.Thread(target=self.listen, daemon=True).start()
        threading.Thread(target=self.beat, daemon=True).start()
        while (command := self.commands.get())["kind"] != "quit":
            if command["kind"] == "localize" and not command["sources"][0].endswith(".jpg"):
                source = Path(command["sources"][0])
                self.footage(command, Path(command["out"]) / f"{source.stem}.take", str(source))
            elif command["kind"] == "resume":
                self.resume(command)
            elif command["kind"] in ("solve", "boxes", "points"):
                self.solve(command["job"], Path(command["take"]))
            else:
                self.run(command)

    def resume(self, command: dict) -> None:
        """Go on with a take, unless its source is not what it was."""
        take = Path(command["take"])
        source = command["source"] or json.loads((take / "take.json").read_text())["source"]["path"]
        if MODE == "source_changed" and not command["changed"]:
            error = {"title": "Source changed", "detail": f"{source} is another.", "fix": "Ask."}
            self.write("failed", job=command["job"], **error)
            return
        self.footage(command, take, source)

    def footage(self, command: dict, take: Path, source: str) -> None:
        """Localize frame by frame, with a preview now and then, and hold still when told to."""
        job, frames = command["job"], CONFIG.get("frames", 10)
        (take / "chunks").mkdir(parents=True, exist_ok=True)
        done = len(list((take / "chunks").iterdir()))
        self.progress(job, "Starting", 0, 0)
        for frame in range(done, frames):
            self.progress(job, FOOTAGE, frame, frames)
            while job in self.paused and job not in self.cancelled:
                time.sleep(0.01)
            time.sleep(CONFIG.get("pause", 0.01))
            if job in self.cancelled:
                self.write("cancelled", job=job)
                return
            (take / "chunks" / f"{frame:05d}").touch()
            self.describe(take, source, frame + 1, frames)
            if frame % 5 == 4:
                self.write("preview", job=job, take=str(take), frames=frame + 1)
        self.solve(job, take)

    def describe(self, take: Path, source: str, done: int, frames: int) -> None:
        """Write a take.json with as many frames."""
        none = {"name": "fake", "sha256": "", "license": ""}
        chunk = {"file": "chunk_00000.npz", "sha256": "", "rows": 0, "frames": done}
        info = {
            "format": "nlf_blender.take",
            "version": 2,
            "source": {
                "kind": "video",
                "path": source,
                "sha256": "",
                "width": 64,
                "height": 48,
                "frame_count": frames,
            },
            "camera": {
                "intrinsics": [50.0, 0, 32, 0, 50, 24, 0, 0, 1],
                "distortion": [],
                "origin": "default",
            },
            "model": none,
            "body": none,
            "settings": {},
            "software": "fake",
            "created": "",
            "tracks": [],
            "chunks": [chunk],
            "state": "whole" if done == frames else "unfinished",
        }
        temporary = take / "take.json.part"
        temporary.write_text(json.dumps(info), encoding="utf-8")
        temporary.replace(take / "take.json")

    def solve(self, job: str, take: Path) -> None:
        """Clean up, and hand the take out; with the content of the configured one, if any. The
        motion of another configured one comes first, and the rest when there is a file "go"."""
        for stage in SOLVE_STAGES:
            self.progress(job, stage, 0, 1)
        if CONFIG.get("motion_take"):
            shutil.copytree(CONFIG["motion_take"], take, dirs_exist_ok=True)
            self.write("motion", job=job, take=str(take))
            while not (take / "go").exists():
                time.sleep(0.01)
                if job in self.cancelled:
                    self.write("cancelled", job=job)
                    return
        if CONFIG.get("footage_take"):
            shutil.copytree(CONFIG["footage_take"], take, dirs_exist_ok=True)
        self.write("done", job=job, results=[str(take)], failures=[])

    def run(self, command: dict) -> None:
        """Play a job."""
        job, out = command["job"], Path(command["out"])
        kind = command["kind"]
        source = Path(command["sources"][0] if kind == "localize" else command["scan"])
        final = out / f"{source.stem}.{RESULTS[kind]}"
        unfinished = final.with_name(final.name + ".part")
        unfinished.mkdir(parents=True, exist_ok=True)
        steps = CONFIG.get("steps", 1)
        for stage in STAGES[kind]:
            for done in range(steps):
                self.progress(job, stage, done, steps)
                if not self.misbehave(stage):
                    return
                time.sleep(CONFIG.get("pause", 0.01))
                if job in self.cancelled and MODE != "ignores_cancel":
                    shutil.rmtree(unfinished)
                    self.write("cancelled", job=job)
                    return
        if MODE == "fails":
            shutil.rmtree(unfinished)
            self.write("failed", job=job, title="Nobody found", detail="No one.", fix="Crop it.")
            return
        shutil.rmtree(unfinished)
        shutil.rmtree(final, ignore_errors=True)
        final.mkdir()
        if CONFIG.get(RESULTS[kind]):
            shutil.copytree(CONFIG[RESULTS[kind]], final, dirs_exist_ok=True)
        if MODE == "damaged_take":
            chunk = next(final.glob("chunk_*.npz"))
            chunk.write_bytes(chunk.read_bytes()[:1000])
        self.write("done", job=job, results=[str(final)], failures=[], seconds={"Reading": 0.1})

    def progress(self, job: str, stage: str, done: int, total: int) -> None:
        """Tell how far the job is."""
        people = 2 if stage in ("Localizing", "Fitting", FOOTAGE) else 0
        self.write(
            "progress",
            job=job,
            stage=stage,
            done=done,
            total="many" if MODE == "bad_fields" else total,
            people=people,
        )

    def misbehave(self, stage: str) -> bool:
        """Do what the mode asks for at this stage; whether the job goes on."""
        if stage not in LONGEST:
            return True
        if MODE == "dies_midway":
            print("RuntimeError: a piece fell off", file=sys.stderr, flush=True)
            os._exit(3)
        if MODE == "killed":
            os.kill(os.getpid(), 9)
        if MODE == "hangs":
            self.silent = True
            time.sleep(600)
        if MODE == "rubbish_events":
            self.events.write(b'\x00\xff rubbish {"kind"\n')
            time.sleep(600)
        if MODE == "rubbish_stdout":
            print("\x00 loading... 100%\n" * 1000, flush=True)
        if MODE == "has_a_child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            print(f"child {child.pid}", flush=True)
            self.silent = True
            time.sleep(600)
        return True


def check() -> None:
    """Answer `check` as the worker does, with a warning before it."""
    if MODE == "dies_at_start":
        sys.exit("ModuleNotFoundError: No module named 'torch'")
    print("warning: {a library talks}")
    items = [
        {"name": "Python", "ok": True, "value": "3.11.0", "fix": ""},
        {"name": "torch", "ok": False, "value": "not installed", "fix": "Install it."},
    ]
    print(json.dumps({"items": items}))


def inspect() -> None:
    """Answer `inspect FILE --json`: a TorchScript, a body, or what the config says."""
    if MODE == "fails":
        error = {"title": "Not a model", "detail": "It is a text.", "fix": "Choose another."}
        print(json.dumps({"error": error}))
        sys.exit("Not a model: It is a text.\n  -> Choose another.")
    path = Path(sys.argv[2])
    code = path.suffix == ".torchscript"
    body = path.suffix in (".npz", ".pkl")
    answer = {
        "path": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "kind": "NLF-L TorchScript" if code else "SMPL body" if body else "NLF-S crop checkpoint",
        "role": "body" if body else "model",
        "license": "non-commercial research only (NLF release)",
        "rows": [["Parameters", "123.0 million"], ["Crop", "384 px"]],
        "missing": [] if code or body else ["canonical points: get the NLF data files"],
        "notes": ["It holds half precision."],
        "needs_consent": code,
    }
    print(json.dumps({**answer, **CONFIG.get("inspect", {})}))


def convert() -> None:
    """Answer `convert-model FILE --out OUT --trust HASH`, step by step."""
    for done in range(CONFIG.get("steps", 1)):
        print(f"Converting {done}/{CONFIG.get('steps', 1)}", file=sys.stderr, flush=True)
        time.sleep(CONFIG.get("pause", 0.01))
    out = Path(sys.argv[sys.argv.index("--out") + 1])
    if MODE == "fails":
        sys.exit(f"Not written: {out.parent} is read-only.\nNo file.\n  -> Choose another folder.")
    if hashlib.sha256(Path(sys.argv[2]).read_bytes()).hexdigest() not in sys.argv:
        sys.exit("Consent needed: This file was not agreed to.\n  -> Click Allow.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(b"weights")
    print(json.dumps({"path": str(out)}))


def main() -> None:
    """Play the part that the command line asks for."""
    once = {"check": check, "inspect": inspect, "convert-model": convert}
    if sys.argv[1] in once:
        once[sys.argv[1]]()
        return
    if MODE == "dies_at_start":
        sys.exit("ModuleNotFoundError: No module named 'torch'")
    FakeWorker(Path(sys.argv[sys.argv.index("--session") + 1])).serve()


if __name__ == "__main__":
    main()
