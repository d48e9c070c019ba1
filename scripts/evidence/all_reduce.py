"""How long the sum of one float32 vector over processes takes, by processes and size, on this machine.

    python scripts/evidence/all_reduce.py --processes 2 4 --millions 1 15 94

The sum is that of the training loop (`processes.sum`). Prints a Markdown table with medians over the repetitions.
"""

import argparse
import statistics
import sys
import time

from rfv2_keras.training.launch import launch

REPETITIONS = 7


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--millions", type=float, nargs="+", default=[1.0, 15.0, 94.0])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return measure(arguments.millions)
    print("| processes | numbers | seconds | GB/s of one process |\n|-|-|-|-|", flush=True)
    sizes = [str(millions) for millions in arguments.millions]
    for count in arguments.processes:
        status = launch([sys.executable, __file__, "--worker", "--millions", *sizes], count)
        if status:
            return status
    return 0


def measure(sizes):
    """What every process does; the first prints."""
    import tensorflow as tf

    from rfv2_keras.training.processes import join_processes

    processes = join_processes()
    for millions in sizes:
        vector = tf.ones([int(millions * 1e6)])
        seconds = []
        for _ in range(REPETITIONS + 1):
            begin = time.monotonic()
            total = processes.sum(vector)
            if float(total[0]) != processes.count:
                raise SystemExit("the sum is wrong")
            seconds.append(time.monotonic() - begin)
        median = statistics.median(seconds[1:])
        if processes.rank == 0:
            # A ring sends and receives 2 (p - 1) / p times the vector.
            sent = 2 * (processes.count - 1) / processes.count * 4e6 * millions / median / 1e9
            print(f"| {processes.count} | {millions:g} million | {median:.3f} | {sent:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
