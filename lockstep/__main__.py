"""Entry point."""

import signal


def main() -> None:
    """Run the command line; an interruption while it is being loaded ends it without a trace."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from lockstep.cli import app  # noqa: PLC0415  # the loading is what may be interrupted

    app()


if __name__ == "__main__":
    main()
