"""A Lambda function that has somebody else answer. It is no part of the test process: the emulator runs it.

It hands each call on to an Invoke API at ANSWERS_URL, and the answer back. A custom runtime (Lambda Developer Guide,
"Using the Lambda runtime API"), with nothing but the standard library.
"""

import os
from http.client import HTTPConnection
from urllib.parse import urlsplit

RUNTIME = "/2018-06-01/runtime/invocation"


def serve() -> None:
    """Answer call after call, until the environment is stopped."""
    runtime = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    answers = HTTPConnection(urlsplit(os.environ["ANSWERS_URL"]).netloc)
    function = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    while True:
        runtime.request("GET", f"{RUNTIME}/next")
        call = runtime.getresponse()
        payload = call.read()
        if call.status != 200:
            return
        answers.request("POST", f"/2015-03-31/functions/{function}/invocations", payload)
        answer = answers.getresponse()
        document = answer.read()
        outcome = "error" if answer.getheader("X-Amz-Function-Error") else "response"
        request_id = call.getheader("Lambda-Runtime-Aws-Request-Id")
        print(outcome, flush=True)  # noqa: T201  # ministack waits 50 ms for a function that logs nothing
        runtime.request("POST", f"{RUNTIME}/{request_id}/{outcome}", document)
        runtime.getresponse().read()
        runtime.close()  # ministack writes an answer in two packets: on a used connection the second is 40 ms late


if __name__ == "__main__":
    serve()
