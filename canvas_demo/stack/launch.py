"""Become a component: run as a script, between the supervisor's fork and the component's exec.

``python -I -S launch.py PARENT SIGNAL USER PROGRAM ARGUMENT…`` asks Linux for ``SIGNAL`` when the
supervisor dies (prctl(2), PR_SET_PDEATHSIG), leaves root for ``USER`` unless that is ``-``, and
becomes the program. A script of its own because it must not run between fork and exec of a process
that has threads, and plain standard library because it is in the way of every start.

PostgreSQL refuses to run as root, and its files may lie under a folder only root can enter. So the
user keeps one of root's capabilities, CAP_DAC_OVERRIDE, as an ambient one (capabilities(7)), which
the exec hands on. See docs/decisions/.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
# Keeps capabilities over setuid(2), and makes access(2), by which PostgreSQL looks for its files, count them.
SECBIT_NO_SETUID_FIXUP = 4
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def main(parent: str, signal: str, user: str, program: str, *arguments: str) -> None:
    """Do as the module says; does not return."""
    if user != "-":
        become(user)
    if sys.platform == "linux":
        # After the change of user, which clears it.
        prctl(PR_SET_PDEATHSIG, int(signal))
    if os.getppid() != int(parent):
        sys.exit("the supervisor ended before this component began")
    os.execv(program, [program, *arguments])  # noqa: S606 - the stack's own command


def become(user: str) -> None:
    """Run as the numeric ``uid:gid``, able to pass folders that only root may enter."""
    uid, gid = (int(part) for part in user.split(":"))
    if sys.platform == "linux":
        prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if sys.platform == "linux":
        keep_capability(CAP_DAC_OVERRIDE)


def keep_capability(capability: int) -> None:
    """Hold just this capability, and hand it on over exec."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable of capabilities 0-31, then of 32-63
    sets = (ctypes.c_uint32 * 6)(*[1 << capability] * 3, 0, 0, 0)
    if libc.capset(header, sets) == 0:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def prctl(option: int, *arguments: int) -> None:
    """Operate on this process (the manual's words); a refusal shows in what needed it."""
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [*arguments, 0, 0, 0, 0][:4]
    libc.prctl(option, *(ctypes.c_ulong(value) for value in padded))


if __name__ == "__main__":
    main(*sys.argv[1:])
