"""A command that is told to end does so at once, at any moment: one line, and no process left behind.

Nothing is raised, since an exception that comes up inside an import, a lock or a callback
leaves more than one line. The store needs no farewell: files are whole or not there.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
"""The signals that end a command, as far as the system has them, and how it says so."""

PATIENCE = 3.0  # seconds for what must not take any
DEEP = 1.0  # seconds after which the main thread is deep in something that heeds no signal: a compiled loop
APART: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
"""Arguments for a child process that is a command as well: it ends with this one, in silence."""

CLEAN_LINE = "\r\x1b[K\x1b[?25h"  # a terminal's line emptied, its cursor shown: there may be a progress bar


def end_when_told() -> None:
    """Let the signals of ``WORDS`` end this process, but those that it was started to ignore.

    Ctrl-C reaches all processes of a terminal, also those that just begin to import. So
    SIGINT is blocked here, which children inherit, and awaited in a thread.
    """
    heard = [number for name in WORDS if (number := getattr(signal, name, None)) and not is_ignored(number)]
    for number in heard:
        signal.signal(number, lambda number, _: end(number))
    if os.name == "posix":
        heard_at, told_at = os.pipe()
        os.set_blocking(told_at, False)
        signal.set_wakeup_fd(told_at, warn_on_full_buffer=False)
        threading.Thread(target=await_any, args=(heard_at, heard), daemon=True).start()
    if signal.SIGINT in heard and hasattr(signal, "pthread_sigmask"):
        AWAITED.set()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        threading.Thread(target=await_interrupt, args=(signal.SIGTERM in heard,), daemon=True).start()


def deafen_children(*trackers: Any) -> None:
    """Let the processes that are started from here on not hear SIGINT, if this one awaits it.

    Args:
        trackers: the modules of the resource trackers that are started with them: a tracker
            unblocks SIGINT in the process that starts it, so they are started here.
    """
    if AWAITED.is_set():
        for tracker in trackers:
            tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


def is_ignored(number: int) -> bool:
    """Tell whether a signal is ignored, as ``nohup`` and a shell's background ask for."""
    return signal.getsignal(number) is signal.SIG_IGN


AWAITED, INTERRUPTED = threading.Event(), threading.Event()
"""Whether SIGINT is awaited in a thread, and whether it has come."""


def await_any(heard_at: int, heard: list[Any]) -> None:
    """End the process soon after one of these signals came, if the main thread does not.

    Python calls a handler when the main thread is next between two of its operations, and a call of
    compiled code may last for minutes. The number of a signal is in the pipe at once.
    """
    while True:
        [number] = os.read(heard_at, 1)
        if number in heard and not INTERRUPTED.is_set():
            time.sleep(DEEP)
            end(number)


def await_interrupt(wakes: bool) -> None:
    """Wait for SIGINT and end the process, in the main thread so that nothing goes on beside it.

    Args:
        wakes: whether SIGTERM has a handler, so that it can be sent to wake the main thread.
    """
    signal.sigwait([signal.SIGINT])
    INTERRUPTED.set()
    if wakes:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        threading.Event().wait(DEEP)
    end(signal.SIGINT)


def end(number: int) -> NoReturn:
    """End this process, and all that it has started, with the line and the exit code of a signal."""
    told = signal.SIGINT if INTERRUPTED.is_set() else signal.Signals(number)
    _thread.start_new_thread(give_up, (128 + told,))  # a Thread could wait for a lock of its kind
    with suppress(BaseException):
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGTERM", "SIGHUP"):
                if hasattr(signal, name):
                    signal.signal(getattr(signal, name), signal.SIG_IGN)
        say_last(
            f"error: {WORDS[told.name]}; what is stored stays, and the same command runs what is missing"
        )
        stop_children()
    os._exit(128 + told)


def give_up(code: int) -> None:
    """End this process if it has not ended by itself in time."""
    time.sleep(PATIENCE)
    os._exit(code)


def say_last(line: str) -> None:
    """Write a line to standard error after which this process shows nothing more."""
    with suppress(Exception):  # it may have been interrupted while it wrote
        sys.stdout.flush()
    shown, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # a bar that is drawn in a thread, say
        os.dup2(nowhere, descriptor)
    with suppress(OSError):
        start = CLEAN_LINE if os.isatty(shown) else ""
        os.write(shown, f"{start}{line}\n".encode())


def stop_children() -> None:
    """Kill all processes that this one has started, and give back what the system keeps for them.

    Their trackers come last: they would report, in lines of their own, what is not given back.
    """
    workers = {child.pid for child in active_children() if child.pid}  # where there is no /proc
    kill(workers | {pid for pid in descendants() if not is_tracker(pid)})
    with suppress(BaseException):  # named semaphores, folders in memory
        atexit._run_exitfuncs()
    kill(set(descendants()))


def active_children() -> list[Any]:
    """Return the processes that multiprocessing has started, if it is in use."""
    found: list[Any] = getattr(sys.modules.get("multiprocessing"), "active_children", list)()
    return found


def kill(processes: set[int]) -> None:
    for pid in processes:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def descendants() -> Iterator[int]:
    """Yield the processes that descend from this one; none where the system has no /proc."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
        yield from more


def is_tracker(pid: int) -> bool:
    """Tell whether a process is one of those that clean up after others, and say what they find."""
    with suppress(OSError):
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
