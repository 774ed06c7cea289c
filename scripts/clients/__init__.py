"""Real clients of Tripcord: a platform, a phone, a bot and a browser. The integration guide.

Protects: that the public HTTP API and the published formats are enough to build an app on.
Invariants: everything here is written from the formats alone; what a client signs it has built
or rendered itself; what the service says about keys is checked against a pinned fingerprint.
May never import: `app` or `mock_push`. A format that only works with our own code is no format.

Reading order for an app developer: `encoding` and `keys` (bytes, JOSE, DPoP), `http` (one call,
one problem), `platform` (OAuth and onboarding) with `ciba`, and `webhook` (what it is told),
`device` and `phone` with `enrolment`, `statements`, `seal`, `approvals`, `render`, `codes`,
`inbox`, `events` and `cord` (everything a mobile app does), `elsewhere` (mail and chat), `bot`,
`browser`, `logverify` (offline proof of the access log). `demo` and `story` play all of them
against one another; run it as a module, `python -m scripts.clients.demo`, because file names here
shadow the standard library's.
"""
