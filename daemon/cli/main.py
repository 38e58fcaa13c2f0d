"""``trainerd`` itself: the table of its commands."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import click

#: Verb -> where its command is; imported when it is called.
COMMANDS = {
    "run": "daemon.cli.run:command",
    "demo": "daemon.cli.demo:command",
    "check-config": "daemon.cli.check_config:command",
    "doctor": "daemon.cli.doctor:command",
    "import": "daemon.cli.importing:command",
    "projects": "daemon.cli.data:projects",
    "samples": "daemon.cli.data:samples",
    "delete": "daemon.cli.data:delete",
    "train": "daemon.cli.train:command",
    "jobs": "daemon.cli.jobs:jobs",
    "watch": "daemon.cli.jobs:watch",
    "cancel": "daemon.cli.jobs:cancel",
    "models": "daemon.cli.models:models",
    "rollback": "daemon.cli.models:rollback",
    "deploy": "daemon.cli.targets:deploy",
    "targets": "daemon.cli.targets:targets",
    "log-level": "daemon.cli.log_level:command",
    "backup": "daemon.cli.backup:backup",
    "restore": "daemon.cli.backup:restore",
    "sign": "daemon.cli.sign:command",
    "export": "daemon.cli.export:command",
    "completion": "daemon.cli.completion:command",
}


class _Verbs(click.Group):
    """A group that imports a verb only when it is needed: `trainerd run` starts without the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("trainerd"), prog_name="trainerd")
def trainerd() -> None:
    """Train anomaly models on this machine's own data, and get them as int8 and as C.

    Exit status: 0 done, 1 the work failed, 2 the call was wrong.
    """
