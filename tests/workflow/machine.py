"""The shipped state machine, with the template's own substitutions."""

from __future__ import annotations

from tests.workflow.kit.machine import Machine
from tests.workflow.stack import ACCOUNT, INPUT, MACHINE_ARN, OUTPUT, REGION, TABLE
from tests.workflow.template import Template


def shipped_template(*, region: str = REGION, account: str = ACCOUNT) -> Template:
    names = {
        "InputBucket": INPUT,
        "OutputBucket": OUTPUT,
        "LockTable": TABLE,
        "StateMachine": MACHINE_ARN,
        "AWS::StackName": "lockstep",
    }
    return Template.read(names, region=region, account=account)


def shipped_machine(*, region: str = REGION, account: str = ACCOUNT) -> Machine:
    """The machine as it is deployed to that account, with its functions' ARNs there."""
    return Machine(shipped_template(region=region, account=account).definition())
