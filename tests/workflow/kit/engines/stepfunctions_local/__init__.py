"""The npm package stepfunctions-local (1.3.1, of 2019): a second opinion, from an engine with no code in common.

It knows a part of Amazon States Language, and some of that wrong: limits.py lists what is not asked of it, and
translation.py says the rest in its words. It has an opinion on the way that an execution takes (Next, Choice, Catch by
name) and on where results and errors go (ResultPath); none on Retry, on TimeoutSeconds, and on how long a Wait is.
"""

from .engine import StepFunctionsLocalEngine

__all__ = ["StepFunctionsLocalEngine"]
