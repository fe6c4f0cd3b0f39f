"""Line protocol between a benchmark program and a Python process that it compares with.

A line of JSON in, a line of JSON out: {"do": NAME, ...} is answered by what the handler of that name returns. The first line out
says that all is loaded. The benchmark stops the process (SIGSTOP) while others run.
"""

import ctypes
import json
import os
import signal
import sys
import traceback


def memory():
    """Bytes resident now, of them mapped files, and the most so far; None where /proc is missing."""
    fields = {"VmRSS": "resident", "RssFile": "mapped", "VmHWM": "peak"}
    found = {}
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                name, _, rest = line.partition(":")
                if name in fields:
                    found[fields[name]] = int(rest.split()[0]) * 1024
    except OSError:
        return None
    return found


def reset_peak():
    """Lets the peak of memory() begin anew."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        pass


def die_with_parent():
    """A stopped process sees neither a closed pipe nor SIGTERM: without this, killing the benchmark would leave it behind."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def give_way_when_memory_runs_out():
    """A benchmark that needs too much memory must cost nobody else theirs: the kernel ends this process first."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        pass


def serve(load):
    """Calls load(), which returns (facts, handlers), and answers requests until the input ends."""
    die_with_parent()
    give_way_when_memory_runs_out()
    # Whatever libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        facts, handlers = load()
    except Exception as error:
        traceback.print_exc()
        answer({"error": f"{type(error).__name__}: {error}"})
        raise SystemExit(1)
    answer({"ready": True, "memory": memory(), **facts})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer(handlers[request.pop("do")](**request))
        except Exception as error:
            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"})
