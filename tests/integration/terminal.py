# SPDX-License-Identifier: Apache-2.0
"""A terminal of a given width, as a person would look at it."""

import fcntl
import os
import select
import struct
import subprocess
import termios
import time

COMMAND_S = 60


class Screen:
    """What was shown: lines after all carriage returns, and whether the terminal had to break one."""

    def __init__(self, text, columns):
        self.columns = columns
        self.wrapped = []
        self.escapes = [c for c in text if c < " " and c not in "\r\n" or "\x7f" <= c <= "\x9f"]
        self.lines = []
        self._line = []
        self._at = 0
        for character in text:
            self._show(character)
        if self._line:
            self._end()

    def _show(self, character):
        if character == "\r":
            self._at = 0
        elif character == "\n":
            self._end()
        else:
            self._line[self._at : self._at + 1] = [character]
            self._at += 1

    def _end(self):
        line = "".join(self._line)
        if len(line) > self.columns:
            self.wrapped.append(line)
        self.lines.append(line.rstrip())
        self._line = []
        self._at = 0

    @property
    def text(self):
        return "\n".join(self.lines)


def run(command, columns, cwd, env):
    """The exit status of a shell command and its screen; the terminal is its input, its output and controls it."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "bash", "--norc", "-c", command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env=env,
    )
    os.close(slave)
    shown = b""
    end = time.monotonic() + COMMAND_S
    try:
        while time.monotonic() < end:
            if select.select([master], [], [], 1)[0]:
                shown += os.read(master, 65536)
    except OSError:
        pass  # the last process has closed it
    else:
        process.kill()
        raise AssertionError(f"{command}: not done within {COMMAND_S} s; shown: {shown!r}")
    finally:
        os.close(master)
    return process.wait(), Screen(shown.decode("utf-8"), columns)
