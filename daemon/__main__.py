"""Entry of the command line: from the arguments to an exit status."""

import sys

from daemon.cli.ends import CallWrong, CommandEnds
from daemon.cli.main import trainerd


def main() -> None:
    """Run the command that the arguments name, and exit: 0 done, 1 the work failed, 2 the call was wrong."""
    try:
        trainerd(prog_name="trainerd")
    except CommandEnds as end:
        if end.message is not None:
            sys.stderr.write(f"trainerd: {end.message}\n")
        sys.exit(2 if isinstance(end, CallWrong) else 1)
    except KeyboardInterrupt:
        sys.stderr.write("trainerd: stopped\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
