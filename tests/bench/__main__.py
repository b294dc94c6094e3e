"""Every figure of the documentation, measured on this machine: ``python -m tests.bench [NAME ...]``.

Each bench is a process of its own, one after the other, so that none disturbs another; the exit code is 1 if
one of them failed.
"""

import argparse
import subprocess
import sys
import time

BENCHES: tuple[tuple[str, ...], ...] = (
    ("audio_quality",),
    ("stacks", "--calls", "100", "--seconds", "4", "--rounds", "2"),
    ("capacity", "--seconds", "6", "--rounds", "3"),
    ("start",),
    ("barge_in",),
    ("drain",),
    ("leaks",),
    ("answer",),
    ("webhook",),
    ("overload",),
    ("store_list",),
    ("store_away",),
    ("webhooks",),
    ("dial_crash",),
    ("failover",),
    ("doors",),
)
"""Modules of this package with a ``main``, and their arguments here."""
TIMEOUT_S = 1800.0


def run(name: str, *arguments: str) -> bool:
    """Run one bench; tell whether it went well."""
    print(f"\n== {name} {' '.join(arguments)}".rstrip(), flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
    try:
        failed = subprocess.run(command, timeout=TIMEOUT_S, check=False).returncode != 0
    except subprocess.TimeoutExpired:
        failed = True
    print(f"== {name}: {'FAILED' if failed else 'done'} in {time.monotonic() - began:.0f} s", flush=True)
    return not failed


def main() -> None:
    """Run those named, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a bench; all by default")
    wanted = parser.parse_args().names
    unknown = set(wanted) - {name for name, *_ in BENCHES}
    if unknown:
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    results = [run(*bench) for bench in BENCHES if not wanted or bench[0] in wanted]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
