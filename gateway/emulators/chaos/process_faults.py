"""What can happen to a gateway's process: signals, limits, and its database's file held by somebody else."""

import asyncio
import resource
import signal
import sqlite3
from contextlib import closing
from enum import StrEnum
from typing import Final

import psutil

from gateway.emulators.chaos.node import Node

LOCKED_S: Final = 6.0
FROZEN_S: Final = 5.0
_SPARE: Final = 2


class Blow(StrEnum):
    """What happens to the process."""

    FREEZE = "freeze"  # SIGSTOP, and SIGCONT later
    TERM = "term"
    TERM_TWICE = "term_twice"
    KILL = "kill"
    DESCRIPTORS = "descriptors"  # it may open hardly any more
    DISK_FULL = "disk_full"  # no file of its own may grow: records, spool, recordings, log
    LOCK = "lock"  # its SQLite file is locked


async def befall(node: Node, blow: Blow, for_s: float | None) -> None:
    """Have it happen to a process; what lasts is over after ``for_s``, or once ``undo`` is called."""
    match blow:
        case Blow.FREEZE:
            node.send(signal.SIGSTOP)
            try:
                await asyncio.sleep(FROZEN_S if for_s is None else for_s)
            finally:
                node.send(signal.SIGCONT)
        case Blow.TERM:
            node.send(signal.SIGTERM)
        case Blow.TERM_TWICE:
            node.send(signal.SIGTERM)
            await asyncio.sleep(0.5)  # two at once are one
            node.send(signal.SIGTERM)
        case Blow.KILL:
            node.send(signal.SIGKILL)
        case Blow.DESCRIPTORS:
            _limit(node, resource.RLIMIT_NOFILE, node.descriptors() + _SPARE)
        case Blow.DISK_FULL:
            _limit(node, resource.RLIMIT_FSIZE, 0)
        case Blow.LOCK:
            await _lock(node, LOCKED_S if for_s is None else for_s)


async def undo(node: Node) -> None:
    """Give a process its limits back; one that ended, or was told to, is started anew.

    Raises:
        NodeFailed: It does not start.

    """
    if node.alive and not node.signalled:
        for which, most in _FREE.items():
            _limit(node, which, most)
        return
    await node.end()
    await node.start()


_LIMITS: Final = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)
_FREE: Final = {which: resource.getrlimit(which)[0] for which in _LIMITS}


def _limit(node: Node, which: int, most: int) -> None:
    process = psutil.Process(node.pid)
    _, hard = process.rlimit(which)
    process.rlimit(which, (most, hard))


async def _lock(node: Node, seconds: float) -> None:
    """Hold the lock of writers."""
    with closing(sqlite3.connect(node.database, timeout=2.0, isolation_level=None)) as held:
        held.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(seconds)
        held.rollback()
