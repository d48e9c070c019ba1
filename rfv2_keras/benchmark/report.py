"""Turns become medians and a table."""

import platform
import re
import statistics
import time
from pathlib import Path

from rfv2_keras.benchmark.flops import step_flops

QUIET = 0.1  # cores that other processes may use in a turn that counts
COLUMNS = (
    "contender",
    "tokens/s",
    "ms per step",
    "spread",
    "processor ms",
    "of the peak",
    "memory",
    "compiling",
    "quiet turns",
)


def summarize(contenders, failures, rounds, seconds):
    """Everything that was measured, as JSON values.

    Medians are over the turns in which other processes used less than `QUIET` of a core, where there are at least two
    of these; otherwise over all turns.

    Args:
        contenders: ended `Contender`s.
        failures: dict of name -> reason.
        rounds, seconds: of `take_turns`.

    Returns:
        dict with `machine`, `date`, `peaks` (operations per second by type) and `results`.
    """
    peaks, results = {}, []
    for contender in contenders:
        times, quiet = _step_times(contender.turns)
        median = statistics.median(times)
        job = contender.job
        result = {
            "name": job.name,
            "job": job.as_dict(),
            "seconds": median,
            "spread": (max(times) - min(times)) / median,
            "turns": [turn["seconds"] / turn["steps"] for turn in contender.turns],
            "processor_seconds": statistics.median(turn["processor"] / turn["steps"] for turn in contender.turns),
            "quiet_turns": quiet,
            "others": [round(turn["others"], 3) for turn in contender.turns],
            "compile_seconds": max(0.0, contender.ready["first_seconds"] - contender.ready["warm_seconds"]),
            "memory": contender.turns[-1]["memory"],
            **contender.ready["about"],
        }
        if job.task == "peak":
            rate = contender.ready["flops"] / min(result["turns"])
            result["flops_per_second"] = rate
            peaks[job.dtype] = max(peaks.get(job.dtype, 0.0), rate)
        else:
            result["tokens_per_second"] = job.batch * job.length / median
            result["flops_per_second"] = step_flops(job) / median
        results.append(result)
    for result in results:
        peak = peaks.get(result["job"]["dtype"])
        if peak and result["job"]["task"] != "peak":
            result["utilisation"] = result["flops_per_second"] / peak
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "machine": machine(),
        "rounds": rounds,
        "seconds": seconds,
        "peaks": peaks,
        "results": results,
        "failures": failures,
    }


def _step_times(turns):
    """Seconds of a step in the turns that count, and how many of them were quiet."""
    quiet = [turn for turn in turns if turn["others"] < QUIET]
    chosen = quiet if len(quiet) >= 2 else turns
    return [turn["seconds"] / turn["steps"] for turn in chosen], len(quiet)


def machine():
    """Name of the processor and its units for 16-bit products."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    units = sorted(unit for unit in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f" {unit}" in text)
    cores = len(re.findall(r"^processor\s*:", text, re.MULTILINE))
    return {"cpu": name[1] if name else platform.processor(), "cores": cores, "units": units}


def table(summary):
    """Markdown: the peaks, then one row per contender, fastest first within a model and shape."""
    lines = [_machine_line(summary), ""]
    for dtype, rate in summary["peaks"].items():
        lines.append(f"matrix products, {dtype}: {rate / 1e9:,.0f} GFLOP/s")
    rows = [result for result in summary["results"] if result["job"]["task"] != "peak"]
    if rows:
        lines += ["", f"| {' | '.join(COLUMNS)} |", "|-" * len(COLUMNS) + "|"]
        lines += [_row(result) for result in sorted(rows, key=lambda r: -r["tokens_per_second"])]
    lines += [f"failed: {name}: {reason}" for name, reason in summary["failures"].items()]
    return "\n".join(lines)


def _machine_line(summary):
    devices = sorted({result["device"] for result in summary["results"]})
    versions = {}
    for result in summary["results"]:
        versions.update(result["versions"])
    parts = [summary["machine"]["cpu"], f"{summary['machine']['cores']} cores", *summary["machine"]["units"], *devices]
    return f"{summary['date']} · {', '.join(parts)} · {', '.join(f'{n} {v}' for n, v in sorted(versions.items()))}"


def _row(result):
    memory = result["memory"].get("device", result["memory"]["host"])
    cells = (
        result["name"],
        f"{result['tokens_per_second']:,.0f}",
        f"{1e3 * result['seconds']:,.1f}",
        f"{result['spread']:.0%}",
        f"{1e3 * result['processor_seconds']:,.0f}",
        f"{result['utilisation']:.0%}" if "utilisation" in result else "–",
        f"{memory / 2**30:.2f} GiB",
        f"{result['compile_seconds']:.1f} s",
        f"{result['quiet_turns']} of {len(result['turns'])}",
    )
    return f"| {' | '.join(cells)} |"
