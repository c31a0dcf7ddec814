"""The shipped template, machine and functions, deployed to the emulator with the real SAM CLI."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import boto3

from lockstep import paths
from lockstep.emulator import environment
from lockstep.errors import UserError

Say = Callable[[str], None]

STACK_NAME: Final = "lockstep"
_ARTIFACTS: Final = "lockstep-artifacts"
TEMPLATE: Final = "template.yaml"
_SHIPPED: Final = ("functions", "statemachine")
# It asks every 5 s by default, out of respect for AWS.
_SAM_SETTINGS: Final = {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.3"}
# The emulator runs `provided` functions by this file, so AWS's own runtime client can do what it does on Lambda.
_BOOTSTRAP: Final = '#!/bin/sh\nexec "$LOCKSTEP_PYTHON" -m awslambdaric "$_HANDLER"\n'


def deploy(  # noqa: PLR0913  # all but the first three are named, and have defaults
    endpoint_url: str,
    directory: Path,
    say: Say,
    *,
    change: Callable[[Path], object] | None = None,
    parameters: Mapping[str, str] | None = None,
    template: str = TEMPLATE,
    stack_name: str = STACK_NAME,
) -> None:
    """Deploy the stack, or update it. Nothing is changed but the Lambda runtime, by the template's own parameter.

    Args:
        endpoint_url: of the emulator.
        directory: where the log goes, and the copy that is deployed.
        say: told how far it is.
        change: given the copy before it is deployed, for a version that is not this one.
        parameters: of the template, those that differ from their defaults.
        template: its path in the checkout.
        stack_name: what the stack is called.

    Raises: UserError when SAM CLI fails; the message has its last lines and names its log.
    """
    stage = _stage(directory / "stage", template)
    if change is not None:
        change(stage)
    settings = {"LambdaRuntime": "provided.al2023", **(parameters or {})}
    boto3.client("s3", endpoint_url=endpoint_url).create_bucket(Bucket=_ARTIFACTS)
    log = directory / "sam-deploy.log"
    command = [
        *(str(paths.SAM), "deploy", "--stack-name", stack_name, "--template-file", template),
        *("--s3-bucket", _ARTIFACTS, "--capabilities", "CAPABILITY_IAM"),
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
        *("--parameter-overrides", *(f"{name}={value}" for name, value in settings.items())),
    ]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command,
            cwd=stage,
            env=environment(endpoint_url) | _SAM_SETTINGS,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as sam,
    ):
        try:
            while sam.poll() is None:
                done = log.read_text(errors="replace").count("_COMPLETE ")
                say(f"deploying {template} with SAM CLI{f', {done} resources' if done else ''}")
                time.sleep(0.1)
        finally:
            sam.kill()  # nothing where it has ended
    if sam.returncode:
        last = "\n".join(log.read_text(errors="replace").strip().splitlines()[-5:])
        msg = f"sam deploy failed; its log is {paths.relative(log)} and ends with:\n{last}"
        raise UserError(msg)


def _stage(stage: Path, template: str) -> Path:
    """A copy of what ships, with the one file that the emulator needs beside it."""
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    for name in (*_SHIPPED, template):
        shipped = paths.ROOT / name
        if shipped.is_dir():
            shutil.copytree(shipped, stage / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(shipped, stage / name)
    bootstrap = stage / "functions" / "bootstrap"
    bootstrap.write_text(_BOOTSTRAP)
    bootstrap.chmod(0o755)
    return stage
