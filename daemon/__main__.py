"""Entry of the command line: from the arguments to an exit status."""

import signal
import sys

from daemon.cli.ends import CallWrong, CommandEnds, Stopped, stop
from daemon.cli.main import trainerd


def main() -> None:
    """Run the command that the arguments name, and exit: 0 done, 1 the work failed, 2 the call was wrong."""
    # A shell lets what it starts in the background ignore Ctrl-C: that stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)
    try:
        trainerd(prog_name="trainerd")
    except CommandEnds as end:
        if end.message is not None:
            sys.stderr.write(f"trainerd: {end.message}\n")
        sys.exit(2 if isinstance(end, CallWrong) else 1)
    except Stopped:
        sys.stderr.write("trainerd: stopped\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
