"""Introspection: many platforms ask whether tokens live, and one statement answers them.

Protects: P1, P6 and P10 for RFC 7662. An answer is about the tree as it was after the question
arrived; its log entry is durable before it leaves; a platform learns of its own traders' tokens.
Invariants: no answer is kept; who asks is authenticated in the statement that answers; a batch that
fails is taken apart, so that one poisonous question fails alone.
May never import: another path; HTTP.
"""
