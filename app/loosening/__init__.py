"""What becomes possible again: a lift of the ladder, and a heartbeat that renews leases.

Protects: P7. A lift takes an approval of its own and takes away the trader's own fence, by the one
step that was shown; a pull since then wins. A heartbeat is a device's own signed word, newer than
its last.
Invariants: fence or heartbeat and their log entry are one commit under the trader lock; nothing of
an operator or a monitor is lifted here; `revoked` is final.
May never import: another path, the api, a venue.
"""
