"""Who may do what in the running stack, and what the emulator leaves out of AWS's answer to that.

With AUTH=true the emulator runs each function under its own role and holds every request to S3 and DynamoDB, and to
all other services, to the policies of the role that signed it; and to the buckets' own policies, of which the refusal
of calls without TLS matters here. Requests with the key "test" are the account's own and pass.

Of what AWS does it leaves out:

- S3: that 404 for a missing object takes s3:ListBucket, and that a write with If-Match takes s3:GetObject. The
  gateway makes up for both (`guard.py`), by asking IAM about the role.
- Step Functions and EventBridge: their own calls are not made as requests, so neither the role of a machine nor that
  of the rule is looked at, nor a function's or a queue's policy. The tests make the same calls with these roles.
- Lambda: it reads the stream that invokes a function without the function's role, and keeps nothing of what it gives
  up in S3. The tests make these calls, too, and ask IAM about those on the stream: the emulator takes them for such as
  name no resource, and would deny them to whoever may read one stream alone.
- Who may take a role: no service takes one by a request, so nothing tells whether it may, and for which account. The
  tests have a role trust the account for the moment in which they take it.
- What is not there at all: the delivery of logs and traces.
"""
