"""Run a command and print as the last line its usage: {"seconds": …, "peak_kb": …, "cpu_seconds": …, "code": …}.

Runs as a script without imports of ours: a process inherits the peak memory of the process that starts it, so the
starter has to be small.
"""

import json
import os
import subprocess
import sys
import time

if __name__ == "__main__":
    began = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    usage_report = {
        "seconds": time.perf_counter() - began,
        "peak_kb": usage.ru_maxrss,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "code": process.returncode,
    }
    print(json.dumps(usage_report))
