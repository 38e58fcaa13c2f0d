"""Entry of the command line."""

from daemon.cli.main import trainerd


def main() -> None:
    """Run the command that the arguments name, and end with its exit status."""
    trainerd(prog_name="trainerd")


if __name__ == "__main__":
    main()
